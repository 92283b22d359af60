"""`cache path` and `cache clear`: they name and delete our kernels, and never anything else."""

import os

import pytest

from fastmix import _cache, _cli

OURS = f"fastmix.kernels.lloyd.assign-{'0' * 20}.bin"
OTHERS = [
    "notes.txt",
    "fastmix.kernels.lloyd.assign.bin",
    f"other.kernels-{'0' * 20}.bin",
    "tmp.txt",
    "index.nbi",
]


@pytest.fixture
def base(tmp_path, monkeypatch):
    """An empty cache folder of a user."""
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    monkeypatch.delenv("FASTMIX_CACHE", raising=False)
    monkeypatch.setenv("FASTMIX_CACHE_DIR", str(folder))
    return folder


def version(base, digit="a", files=(OURS,)):
    """A folder of kernels, as we make it."""
    folder = base / (20 * digit)
    folder.mkdir(mode=0o700)
    for name in files:
        (folder / name).write_bytes(bytes(1000))
    return folder


def clear(capsys):
    assert _cli.main(["cache", "clear"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out


def failed(capsys, *arguments):
    assert _cli.main(["cache", *arguments]) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    return printed.err


def test_path_is_the_folder_of_this_version(base, capsys):
    assert _cli.main(["cache", "path"]) == 0
    assert capsys.readouterr().out == f"{base / _cache.fingerprint()}\n"


def test_without_a_cache_there_is_no_path(base, capsys, monkeypatch):
    monkeypatch.setenv("FASTMIX_CACHE", "0")
    assert "the cache is off" in failed(capsys, "path")


def test_clear_deletes_the_kernels_of_all_versions(base, capsys):
    version(base, "a", [OURS, "tmpabc_12.part"])
    version(base, "b")
    assert clear(capsys) == f"freed 3 kB: 3 kernels in {base}\n"
    assert list(base.iterdir()) == []
    assert clear(capsys) == f"there were no kernels in {base}\n"


def test_clear_works_while_the_cache_is_off(base, capsys, monkeypatch):
    version(base)
    monkeypatch.setenv("FASTMIX_CACHE", "0")
    assert "1 kernels" in clear(capsys)


def test_clear_without_a_folder(base, capsys):
    base.rmdir()
    assert clear(capsys) == f"there were no kernels in {base}\n"


def test_files_that_are_not_ours_stay_and_so_does_their_folder(base, capsys):
    folder = version(base, "a", [OURS, *OTHERS])
    (folder / "folder").mkdir()
    (base / "foreign").mkdir()
    (base / "foreign" / OURS).write_text("")
    (base / OURS).write_text("")
    assert "1 kernels" in clear(capsys)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*OTHERS, "folder"])
    assert sorted(path.name for path in base.iterdir()) == sorted([folder.name, "foreign", OURS])
    assert (base / "foreign" / OURS).exists()


def test_a_folder_without_kernels_stays(base, capsys):
    folder = version(base, "a", [])
    assert "no kernels" in clear(capsys)
    assert folder.exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_are_not_followed(base, tmp_path, capsys):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (elsewhere / OURS).write_text("precious")
    (base / ("b" * 20)).symlink_to(elsewhere, target_is_directory=True)
    folder = version(base, "a", [])
    (folder / OURS).symlink_to(elsewhere / OURS)
    assert "no kernels" in clear(capsys)
    assert (elsewhere / OURS).read_text() == "precious"
    assert (folder / OURS).is_symlink()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders have no owners there")
def test_a_folder_of_somebody_else_stays(base, capsys, monkeypatch):
    folder = version(base)
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    assert "no kernels" in clear(capsys)
    assert (folder / OURS).exists()


@pytest.mark.skipif(os.name == "nt", reason="folders have no modes there")
def test_a_folder_that_others_may_write_to_stays(base, capsys):
    folder = version(base)
    folder.chmod(0o777)
    assert "no kernels" in clear(capsys)
    assert (folder / OURS).exists()


@pytest.mark.skipif(os.name == "nt", reason="folders have no modes there")
def test_nothing_is_deleted_where_others_may_write(base, capsys):
    folder = version(base)
    base.chmod(0o777)
    assert "others may write" in failed(capsys, "clear")
    assert (folder / OURS).exists()


def test_a_kernel_that_cannot_be_deleted_is_one_line(base, capsys, monkeypatch):
    folder = version(base)

    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "unlink", refuse)
    assert OURS in failed(capsys, "clear")
    assert (folder / OURS).exists()


def test_without_a_home_there_is_nothing_to_clear(base, capsys, monkeypatch):
    for name in ("FASTMIX_CACHE_DIR", "NUMBA_CACHE_DIR", "LOCALAPPDATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(_cache.config, "CACHE_DIR", "")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert "no home" in failed(capsys, "clear")
