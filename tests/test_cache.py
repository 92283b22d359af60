"""The cache of compiled kernels: never stale, never mixed up, never anybody else's, never in the way."""

import errno
import hashlib
import os
import pickle
import stat
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import surroundings

from fastmix import _cache
from fastmix._numba import config, kernel, parallel_kernel
from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.passes import passes_of

DAY = 86400
HOST = "fastmix.kernels"  # where kernels of these tests say that they stand

# --- processes -----------------------------------------------------------------------------------

DOUBLED = "from surroundings import doubled; print(*doubled({}))"
SINGLE = np.float32(2 / 3).item()  # in float32


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    return surroundings.copy_package(tmp_path_factory.mktemp("bare"))


def doubled(folder, dtype="f8", **environment):
    """The number and the cache hits that a process with the planted kernel finds."""
    code = DOUBLED.format(repr(dtype))
    number, hits = surroundings.run(code, folder=folder, **environment).split()
    return float(number), int(hits)


def replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.compiled
def test_a_changed_inner_kernel_recompiles_its_callers_and_an_unchanged_one_is_loaded(tmp_path):
    package = surroundings.copy_package(tmp_path) / "fastmix"
    inner, plain = package / "kernels" / "inner.py", package / "engine" / "kmeans.py"
    cache = {"FASTMIX_CACHE_DIR": tmp_path / "cache"}
    assert doubled(tmp_path, **cache) == (2 / 3, 0)
    assert doubled(tmp_path, **cache) == (2 / 3, 1)
    replace(inner, "2 * x", "4 * x")
    assert doubled(tmp_path, **cache) == (4 / 3, 0)
    assert doubled(tmp_path, **cache) == (4 / 3, 1)
    replace(inner, "4 * x", "2 * x")
    plain.write_text("# no kernel depends on the engine\n" + plain.read_text(encoding="utf-8"))
    assert doubled(tmp_path, **cache) == (2 / 3, 1)


@pytest.mark.compiled
def test_sources_that_change_after_the_import_do_not_make_the_cache_stale(tmp_path):
    inner = surroundings.copy_package(tmp_path) / "fastmix" / "kernels" / "inner.py"
    cache = {"FASTMIX_CACHE_DIR": tmp_path / "cache"}
    code = f"""
import fastmix.kernels.outer, pathlib
inner = pathlib.Path({str(inner)!r})
inner.write_text(inner.read_text(encoding="utf-8").replace("2 * x", "4 * x"), encoding="utf-8")
"""
    ended = surroundings.run(code + DOUBLED.format(""), folder=tmp_path, **cache)
    assert float(ended.split()[0]) == 2 / 3
    assert doubled(tmp_path, **cache) == (4 / 3, 0)


@pytest.mark.compiled
def test_processes_that_fill_one_empty_cache_at_once_do_not_mix_up_dtypes(bare, tmp_path):
    cache = {"FASTMIX_CACHE_DIR": tmp_path / "cache"}
    sources = sorted(bare.rglob("*"))
    expected = {"f4": SINGLE, "f8": 2 / 3}
    writers = [
        (dtype, surroundings.start("-c", DOUBLED.format(repr(dtype)), folder=bare, **cache))
        for dtype in ("f4", "f8", "f8")
    ]
    for dtype, writer in writers:
        assert float(surroundings.finish(writer).out.split()[0]) == expected[dtype]
    for dtype, number in expected.items():
        assert doubled(bare, dtype, **cache) == (number, 1)
    files = [path.suffix for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert set(files) == {".bin"}
    assert sorted(bare.rglob("*")) == sources


@pytest.mark.compiled
def test_two_processes_compile_the_same_kernels_at_once_twenty_times(tmp_path):
    """In step with each other; a third process then loads all of them."""
    folders = {"FASTMIX_CACHE_DIR": tmp_path / "cache"}
    (tmp_path / "steps").mkdir()
    code = "from surroundings import in_step; print(*in_step({!r}, {}, 20))"
    both = [
        surroundings.start("-c", code.format(str(tmp_path / "steps"), me), **folders)
        for me in (0, 1)
    ]
    for each in both:
        ended = surroundings.finish(each)
        assert ended.out.split()[:-1] == [*map(str, range(20))], ended.err
    alone = surroundings.run(code.format("", 0), **folders)
    assert alone.split() == [*map(str, range(20)), "20"]


@pytest.mark.compiled
@pytest.mark.skipif(os.name != "posix", reason="processes are killed as on POSIX")
def test_a_writer_that_is_killed_harms_nobody_and_what_it_left_goes_after_a_day(bare, tmp_path):
    cache = {"FASTMIX_CACHE_DIR": tmp_path / "cache"}
    code = """
import os, signal
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = surroundings.finish(
        surroundings.start("-c", code + DOUBLED.format(""), folder=bare, **cache)
    )
    assert killed.status == -9
    (left,) = (tmp_path / "cache").rglob("*.*")
    assert doubled(bare, **cache) == (2 / 3, 0)
    assert doubled(bare, **cache) == (2 / 3, 1)
    assert left.exists()  # for all we know somebody is writing it
    os.utime(left, (time.time() - 1.1 * DAY,) * 2)
    assert doubled(bare, "f4", **cache) == (SINGLE, 0)
    assert {path.suffix for path in (tmp_path / "cache").rglob("*.*")} == {".bin"}


@pytest.mark.compiled
def test_kernels_work_where_nothing_can_be_written(bare, tmp_path):
    (tmp_path / "file").write_text("")
    nowhere = tmp_path / "file" / "home"  # not even root can make a folder below a file
    names = ("HOME", "LOCALAPPDATA", "USERPROFILE", "XDG_CACHE_HOME")
    assert doubled(bare, **dict.fromkeys(names, nowhere)) == (2 / 3, 0)


@pytest.mark.compiled
def test_no_cache_is_kept_where_the_user_wants_none(bare, tmp_path):
    sources = sorted(bare.rglob("*"))
    off = {"FASTMIX_CACHE_DIR": tmp_path / "cache", "FASTMIX_CACHE": "0"}
    assert doubled(bare, **off) == (2 / 3, 0)
    assert list(tmp_path.iterdir()) == []
    assert sorted(bare.rglob("*")) == sources


@pytest.mark.compiled
@pytest.mark.parametrize(
    "missing",
    ["numba.core.caching._Cache", "numba.core.compiler.CompileResult._reduce"],
    ids=lambda name: name.rpartition(".")[2],
)
def test_kernels_work_without_the_private_names_of_numba(tmp_path, missing):
    code = f"""
import numba.core.caching, numba.core.compiler
del {missing}
import fastmix
from fastmix._cache import cache_dir
from fastmix.kernels.exponential import exp
print(cache_dir(), exp(0.0))
"""
    assert surroundings.run(code, FASTMIX_CACHE_DIR=tmp_path / "cache") == "None 1.0"
    assert list(tmp_path.iterdir()) == []


# --- one kernel, compiled anew in this process ----------------------------------------------------


@pytest.fixture
def base(tmp_path, monkeypatch):
    """Where the cache of this test is to be; it does not exist yet."""
    monkeypatch.delenv("FASTMIX_CACHE", raising=False)
    monkeypatch.setenv("FASTMIX_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fresh(factor=2, module=HOST, **flags):
    """A kernel that knows no machine code yet; all with the same arguments are the same kernel."""

    def times(x):
        return factor * x

    times.__module__ = module
    return kernel(times, **flags)


def hits(compiled):
    return sum(compiled.stats.cache_hits.values())


def compile_once():
    """Compile a kernel, and give the one file of the cache."""
    assert fresh()(21) == 42
    (file,) = Path(_cache.cache_dir()).iterdir()
    return file


def signed(data):
    """Data as a file of the cache."""
    return hashlib.sha256(data).digest() + data


class Trap:
    """A pickle that makes a folder when it is loaded."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def trap(tmp_path):
    """Plant a trap into a file of the cache; the folder it makes when it is sprung."""

    def plant(file):
        file.write_bytes(signed(pickle.dumps(Trap(tmp_path / "sprung"))))
        return tmp_path / "sprung"

    return plant


@pytest.mark.compiled
def test_a_kernel_is_compiled_once(base):
    first, again = fresh(), fresh()
    assert (first(21), hits(first)) == (42, 0)
    assert (again(21), hits(again)) == (42, 1)
    assert (again(0.5), hits(again)) == (1.0, 1)
    assert len(list(base.glob("*/*.bin"))) == 2


@pytest.mark.compiled
def test_constants_and_flags_of_a_kernel_are_told_apart(base):
    compiled = [fresh(2), fresh(3), fresh(2.0), fresh(2, sums=True)]
    assert [one(21) for one in compiled] == [42, 63, 42.0, 42]
    assert sum(map(hits, compiled)) == 0
    inner = [fresh(2), fresh(3)]

    def outer(inner):
        def call(x):
            return inner(x)

        call.__module__ = HOST
        return kernel(call)

    assert [outer(one)(21) for one in inner] == [42, 63]


@pytest.mark.compiled
def test_a_kernel_and_its_driver_are_told_apart(base):
    def fill(shard, start, stop, out):
        for i in range(start, stop):
            out[i] = shard

    fill.__module__ = HOST
    for expected in (0, 1):
        compiled, out = parallel_kernel(fill), np.empty(4)
        bounds, counters = np.array([0, 2, 4]), np.zeros((2, 8), np.int64)
        compiled(1, bounds, out)
        assert out.tolist() == [0, 0, 1, 1]
        out[:] = -1.0
        compiled.driver(1, *counters, bounds, (out,))
        assert out.tolist() == [0, 0, 1, 1]
        assert [hits(compiled.block), hits(compiled.driver)] == [expected, expected]


@pytest.mark.compiled
def test_a_bounds_check_is_honoured_over_a_warm_cache(base, monkeypatch):
    def read(a, i):
        return a[i]

    read.__module__ = HOST
    assert kernel(read)(np.ones(3), 2) == 1.0
    monkeypatch.setattr(config, "BOUNDSCHECK", 1)
    checked = kernel(read)
    with pytest.raises(IndexError):
        checked(np.ones(3), 3)
    assert hits(checked) == 0


@pytest.mark.compiled
@pytest.mark.parametrize("module", ["planted", "fastmixture.kernels", "tests.fastmix", "__main__"])
def test_kernels_of_other_packages_are_not_cached(base, module):
    assert fresh(module=module)(21) == 42
    assert not base.exists()


@pytest.mark.compiled
@pytest.mark.parametrize(
    "value", [[1], np.ones(2), (1, 2), None], ids=["list", "array", "tuple", "None"]
)
def test_a_closure_over_anything_but_a_constant_is_refused(value):
    with pytest.raises(TypeError, match=f"times closes over a {type(value).__name__}$"):
        fresh(value)


@pytest.mark.compiled
def test_the_cache_may_be_switched_off(base, monkeypatch):
    monkeypatch.setenv("FASTMIX_CACHE", "0")
    assert fresh()(21) == 42
    assert not base.exists()
    assert _cache.cache_dir() is None


# --- where it is ----------------------------------------------------------------------------------


CHOICES = {"NUMBA_CACHE_DIR": "second", "LOCALAPPDATA": "third", "XDG_CACHE_HOME": "fourth"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"FASTMIX_CACHE_DIR": "first", **CHOICES}, "first"),
        (CHOICES, "second"),
        ({"LOCALAPPDATA": "third", "XDG_CACHE_HOME": "fourth"}, "third/fastmix"),
        ({"XDG_CACHE_HOME": "fourth"}, "fourth/fastmix"),
        (
            {"HOME": "fifth", "USERPROFILE": "fifth"},
            "fifth/Library/Caches/fastmix" if sys.platform == "darwin" else "fifth/.cache/fastmix",
        ),
    ],
    ids=["FASTMIX_CACHE_DIR", "NUMBA_CACHE_DIR", "LOCALAPPDATA", "XDG_CACHE_HOME", "HOME"],
)
def test_the_place_of_the_cache_is_chosen_in_order(monkeypatch, settings, expected):
    names = ("FASTMIX_CACHE_DIR", "LOCALAPPDATA", "XDG_CACHE_HOME", "HOME", "USERPROFILE")
    for name in names:
        monkeypatch.setenv(name, settings.get(name, ""))
    monkeypatch.setattr(config, "CACHE_DIR", settings.get("NUMBA_CACHE_DIR", ""))
    assert Path(_cache.cache_dir()) == Path(expected) / _cache.fingerprint()


def test_there_is_no_cache_without_a_home(monkeypatch):
    for name in ("FASTMIX_CACHE_DIR", "LOCALAPPDATA", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(config, "CACHE_DIR", "")
    # what it does for a user without an entry in the password file and HOME
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert _cache.cache_dir() is None


def test_there_is_no_cache_where_the_sources_cannot_be_read(base, monkeypatch):
    def refuse(path):
        raise PermissionError

    assert _cache.cache_dir() is not None
    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr(_cache, "_FINGERPRINT", _cache._hash_sources())
    assert _cache.cache_dir() is None


def test_vectors_of_another_length_have_a_folder_of_their_own(monkeypatch):
    folders = set()
    for n_bytes in ("16", "32", "64"):
        monkeypatch.setenv("FASTMIX_VECTOR_BYTES", n_bytes)
        folders.add(_cache._hash_sources())
    assert len(folders) == 3


# --- damaged files --------------------------------------------------------------------------------

DAMAGES = {
    "empty": lambda blob: b"",
    "one byte": lambda blob: blob[:1],
    "half": lambda blob: blob[: len(blob) // 2],
    "first bit": lambda blob: bytes([blob[0] ^ 1]) + blob[1:],
    "middle bit": lambda blob: blob[:4000] + bytes([blob[4000] ^ 1]) + blob[4001:],
    "last bit": lambda blob: blob[:-1] + bytes([blob[-1] ^ 1]),
    "longer": lambda blob: blob + b"x",
    "not a pickle": lambda blob: signed(b"not a pickle"),
    "another pickle": lambda blob: signed(pickle.dumps({"not": "a kernel"})),
    "a pickle of what is gone": lambda blob: signed(b"cnowhere\nnothing\n."),
}


@pytest.mark.compiled
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_compiled_again_and_replaced(base, damage):
    file = compile_once()
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    again, after = fresh(), fresh()
    assert (again(21), hits(again)) == (42, 0)
    assert (after(21), hits(after)) == (42, 1)
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.compiled
def test_kernels_are_read_from_a_file_system_that_is_read_only(base, monkeypatch):
    compile_once()

    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "utime", refuse)
    again = fresh()
    assert (again(21), hits(again)) == (42, 1)


@pytest.mark.compiled
@pytest.mark.parametrize("step", ["mkstemp", "fdopen", "replace"])
def test_a_full_disk_leaves_nothing_behind(base, monkeypatch, step):
    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    file = compile_once()
    monkeypatch.setattr(tempfile if step == "mkstemp" else os, step, refuse)
    other = fresh(3)
    assert (other(21), hits(other)) == (63, 0)
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.compiled
def test_a_file_that_somebody_else_drops_first_is_no_matter(base, monkeypatch):
    folder = compile_once().parent
    (folder / "gone.part").symlink_to(folder / "nowhere")
    other, again = fresh(3), fresh(3)
    assert (other(21), hits(other)) == (63, 0)
    assert (again(21), hits(again)) == (63, 1)


@pytest.mark.compiled
def test_a_folder_in_place_of_a_file_is_borne(base):
    file = compile_once()
    file.unlink()
    file.mkdir()
    again = fresh()
    assert (again(21), hits(again)) == (42, 0)
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.compiled
def test_a_process_with_damaged_kernels_computes(bare, tmp_path):
    cache = {"FASTMIX_CACHE_DIR": tmp_path}
    assert doubled(bare, **cache) == (2 / 3, 0)
    files = sorted(tmp_path.rglob("*.bin"))
    assert len(files) == 2
    for i, file in enumerate(files):
        blob = bytearray(file.read_bytes())
        blob[i * len(blob) // len(files)] ^= 255
        file.write_bytes(blob)
    assert doubled(bare, **cache) == (2 / 3, 0)
    assert doubled(bare, **cache) == (2 / 3, 1)


# --- whose files ----------------------------------------------------------------------------------

posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are those of POSIX")
SOMEBODY = 65534


def symlinked(folder):
    """Move a folder away and link to it."""
    elsewhere = folder.with_name("elsewhere")
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere, target_is_directory=True)


def given_away(folder):
    if os.getuid() != 0:
        pytest.skip("only root can give a folder to somebody else")
    os.chown(folder, SOMEBODY, -1)


UNTRUSTED = {
    "writable by all": lambda folder: folder.chmod(0o707),
    "writable by the group": lambda folder: folder.chmod(0o770),
    "sticky and writable by all": lambda folder: folder.chmod(0o1777),
    "a link": symlinked,
    "somebody else's": given_away,
    "below one that all may write to": lambda folder: folder.parent.chmod(0o707),
    "below one that the group may write to": lambda folder: folder.parent.chmod(0o770),
    "below somebody else's": lambda folder: given_away(folder.parent),
}


@pytest.mark.compiled
@posix
@pytest.mark.parametrize("spoil", UNTRUSTED)
def test_what_others_may_write_to_is_neither_read_nor_written(base, trap, spoil):
    file = compile_once()
    sprung, planted = trap(file), file.read_bytes()
    UNTRUSTED[spoil](file.parent)
    again, other = fresh(), fresh(3)
    assert (again(21), hits(again)) == (42, 0)
    assert other(21) == 63
    assert not sprung.exists()
    assert list(file.parent.iterdir()) == [file]
    assert file.read_bytes() == planted


TRUSTED = {
    "private": lambda folder: None,
    "readable by others": lambda folder: folder.chmod(0o755),
    "below a readable one": lambda folder: folder.parent.chmod(0o755),
    "below a sticky one, like /tmp": lambda folder: folder.parent.chmod(0o1777),
    "below a link": lambda folder: symlinked(folder.parent),
}


@pytest.mark.compiled
@posix
@pytest.mark.parametrize("change", TRUSTED)
def test_what_only_the_user_may_write_to_is_read(base, trap, change):
    """And the trap works: it is the folder's mode that saves us in the test above."""
    file = compile_once()
    TRUSTED[change](file.parent)
    again = fresh()
    assert (again(21), hits(again)) == (42, 1)
    sprung = trap(file)
    assert fresh()(21) == 42
    assert sprung.exists()


@pytest.mark.compiled
@posix
@pytest.mark.parametrize("mode", [0o707, 0o770], ids=["by all", "by the group"])
def test_nothing_is_made_in_a_place_that_others_may_write_to(base, mode):
    base.mkdir()
    base.chmod(mode)
    assert fresh()(21) == 42
    assert list(base.iterdir()) == []


@contextmanager
def umask(mask):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.compiled
@posix
@pytest.mark.parametrize("mask", [0o000, 0o002, 0o077], ids=oct)
def test_what_is_made_is_for_the_user_alone(base, mask):
    with umask(mask):
        file = compile_once()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (base, file.parent, file)]
    assert modes == [0o700, 0o700, 0o600]


# --- neighbours -----------------------------------------------------------------------------------


def aged(folder, days):
    """A folder with a file, as it was left so many days ago."""
    folder.mkdir(parents=True)
    (folder / "kernel.bin").write_text("old")
    then = time.time() - days * DAY
    os.utime(folder, (then, then))
    return folder


@pytest.mark.compiled
def test_neighbours_are_dropped_after_a_month(base):
    old, young = aged(base / ("a" * 20), 31), aged(base / ("b" * 20), 29)
    compile_once()
    assert not old.exists()
    assert (young / "kernel.bin").exists()


@pytest.mark.compiled
@pytest.mark.parametrize(
    "name", ["important", "a" * 19, "a" * 21, "A" * 20, "g" * 20, f"{'a' * 20}.bak"]
)
def test_folders_with_other_names_are_never_dropped(base, name):
    other = aged(base / name, 1000)
    compile_once()
    assert (other / "kernel.bin").exists()


@pytest.mark.compiled
@posix
@pytest.mark.parametrize("change", ["writable by all", "a link", "somebody else's"])
def test_neighbours_that_are_not_ours_are_never_dropped(base, change):
    other = aged(base / ("a" * 20), 1000)
    UNTRUSTED[change](other)
    os.utime(other, (0, 0))
    compile_once()
    assert (other / "kernel.bin").exists()


@pytest.mark.compiled
def test_a_file_named_like_a_neighbour_is_never_dropped(base):
    base.mkdir()
    base.chmod(0o700)
    other = base / ("a" * 20)
    other.write_text("old")
    os.utime(other, (0, 0))
    compile_once()
    assert other.exists()


@pytest.mark.compiled
def test_a_neighbour_in_use_is_no_neighbour(base):
    folder = compile_once().parent
    os.utime(folder, (0, 0))
    again = fresh(3)
    assert again(21) == 63
    assert len(list(folder.iterdir())) == 2


@pytest.mark.compiled
def test_a_folder_that_another_process_makes_first_is_used(base, monkeypatch):
    lexists = os.path.lexists

    def too_early(path):
        found = lexists(path)
        if path == _cache.cache_dir() and not found:
            aged(Path(path), 0).chmod(0o700)
            (Path(path) / "kernel.bin").unlink()
        return found

    base.mkdir()
    base.chmod(0o700)
    monkeypatch.setattr(os.path, "lexists", too_early)
    compile_once()
    again = fresh()
    assert (again(21), hits(again)) == (42, 1)


def test_kernels_made_with_other_kernels_have_symbols_of_their_own():
    """Two processes may store them; one that loads both must not link the one for the other."""
    compiled = {
        f"{name}.{verb}.{part}": getattr(getattr(passes_of(covariance), verb), part)
        for name, covariance in COVARIANCES.items()
        for verb in ("expect", "infer", "rank", "accumulate")
        for part in ("block", "driver")
    }
    made_with = {}
    for key, each in compiled.items():
        cells = [id(cell.cell_contents) for cell in each.py_func.__closure__]
        flags = key.endswith("driver"), each.py_func.__code__
        made_with.setdefault(each.py_func.__qualname__, set()).add((*cells, *flags))
    blocks = {name: made for name, made in made_with.items() if ".drive" not in name}
    assert len(blocks) > len(COVARIANCES)
    assert all(len(made) == 1 for made in blocks.values())
    assert len(made_with) == 2 * len(blocks)
