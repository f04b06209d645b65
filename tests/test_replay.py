"""A run is repeated from its record: the same to the byte, with no way to the network."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from channels import serving, whole
from homes import FINISH, INVESTIGATE, home, names, ops, told
from hypothesis import given
from hypothesis import strategies as st

from pitchey_ops.errors import RecordError
from pitchey_ops.runbooks.replaying import differences, replay, unpack
from pitchey_ops.sandbox.generate import build
from pitchey_ops.sandbox.serve import Running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return an archive with one whole run against a sandbox that is gone, and what the run said."""
    folder = tmp_path_factory.mktemp("replay") / "outputs"
    with Running(build("bad_deployment", seed=3, now_ms=round(time.time() * 1000))) as running:
        env = {
            "PITCHEY_OPS_ARCHIVE": str(folder),
            "PITCHEY_OPS_ORIGIN": running.url,
            "PITCHEY_OPS_LOGS_TOKEN": "a-token-of-then",
            "PITCHEY_OPS_DATABASE_URL": "postgresql://u:p4ssw0rd@127.0.0.1:9/x",
        }
        words = ["--window", "2h", "-p", "services=unheard-of", "-p", "error_share_limit=0.04"]
        answer = told(ops("run", "outage", "--json", *words, env=env))
    assert answer["ending"] == "completed"
    return folder, answer


ELSEWHERE = [
    {"TZ": "Asia/Kolkata", "LANG": "de_DE.UTF-8", "LC_ALL": "C", "PYTHONHASHSEED": "12345"},
    {
        "TZ": "America/St_Johns",
        "LANG": "tr_TR.UTF-8",
        "PYTHONHASHSEED": "77",
        "POLARS_MAX_THREADS": "7",
        "PITCHEY_OPS_ORIGIN": "http://127.0.0.1:1",
        "PITCHEY_OPS_SERVICES": "other,services",
        "PITCHEY_OPS_THRESHOLDS__STALE_AFTER_S": "1",
        "PITCHEY_OPS_R2_BUCKET": "another-bucket",
        "PITCHEY_OPS_BUDGET_S": "300",
        "PITCHEY_OPS_ENVIRONMENT": "production",
    },
]


@pytest.mark.parametrize("env", ELSEWHERE, ids=["elsewhere", "other-settings"])
def test_a_replay_is_the_same_to_the_byte(archived: tuple[Path, dict[str, Any]], env: dict[str, str]) -> None:
    """In another zone, language, order of hashes, number of threads, and whatever today's settings say."""
    archive, answer = archived
    before = names(archive)
    done = ops("replay", answer["run"], env={"PITCHEY_OPS_ARCHIVE": str(archive), **env})

    assert (done.returncode, "identical to the byte" in done.stdout) == (0, True), done.stdout + done.stderr
    assert [name for name in names(archive) if "RUN-" in name] == [name for name in before if "RUN-" in name]


def test_a_whole_incident_is_replayed_for_a_program(archived: tuple[Path, dict[str, Any]]) -> None:
    """By its incident's id, with JSON."""
    archive, answer = archived
    done = ops("replay", answer["incident"], "--json", env={"PITCHEY_OPS_ARCHIVE": str(archive)})

    assert done.returncode == 0
    assert json.loads(done.stdout) == [
        {"run": answer["run"], "identical": True, "ending": "completed", "differences": []}
    ]


LOOK = """import ctypes, json, os, pathlib, socket, subprocess, sys
def tried(make):
    try:
        make()
    except OSError as exc:
        return exc.errno
    return 0
child = "import socket\\ntry:\\n    socket.socket()\\nexcept OSError as exc:\\n    print(exc.errno)"
libc = ctypes.CDLL(None, use_errno=True)
seen = {
    "inet": tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)),
    "inet6": tried(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)),
    "packet": tried(lambda: socket.socket(17, socket.SOCK_RAW)),
    "connect": tried(lambda: socket.create_connection(("127.0.0.1", int(os.environ["OPEN_PORT"])))),
    "unix": tried(lambda: socket.socket(socket.AF_UNIX)),
    "child": int(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout or 0),
    "ring": 0 if libc.syscall(425, 8, 0) >= 0 else ctypes.get_errno(),
}
pathlib.Path(os.environ["SEEN_AT"]).write_text(json.dumps(seen))"""


def test_no_cell_and_no_child_of_a_replay_reaches_the_network(
    archived: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """A notebook that was changed to phone home gets EACCES from the system, and the replay says that it differs."""
    archive, answer = archived
    place = home(tmp_path / "home", LOOK, INVESTIGATE, FINISH)
    with serving(whole()) as server:
        env = {
            "PITCHEY_OPS_ARCHIVE": str(archive),
            "PITCHEY_OPS_HOME": str(place),
            "SEEN_AT": str(tmp_path / "seen.json"),
            "OPEN_PORT": str(server.port),
        }
        done = ops("replay", answer["run"], env=env)
        heads = server.heads
    seen = json.loads((tmp_path / "seen.json").read_text())

    assert seen == {"inet": 13, "inet6": 13, "packet": 13, "connect": 13, "unix": 0, "child": 13, "ring": 13}
    assert heads == []
    assert done.returncode == 1
    assert "DIFFERS" in done.stdout
    assert "steps[" in done.stdout


def test_with_todays_rules_differences_are_shown_and_are_no_failure(archived: tuple[Path, dict[str, Any]]) -> None:
    """Yesterday's record under today's rules: what would be said now; what was not asked then is said to be so."""
    archive, answer = archived
    env = {"PITCHEY_OPS_ARCHIVE": str(archive), "PITCHEY_OPS_THRESHOLDS__STALE_AFTER_S": "2"}
    env |= {"PITCHEY_OPS_ORIGIN": "http://127.0.0.1:1", "PITCHEY_OPS_SERVICES": "auth,asked-today"}
    done = ops("replay", answer["run"], "--with", "current", env=env)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "differs with today's rules" in done.stdout
    assert " -> " in done.stdout
    assert ops("replay", answer["run"], "--with", "tomorrow", env=env).returncode == 2


def test_a_damaged_run_of_an_incident_does_not_keep_the_others_from_being_replayed(
    archived: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """What is left of the evidence is asked for most when some of it is gone."""
    archive, answer = archived
    copy = tmp_path / "outputs"
    shutil.copytree(archive, copy)
    incident = copy / answer["incident"]
    damaged = f"{answer['run'][:-4]}2222"
    shutil.copytree(incident / answer["run"], incident / damaged)
    (incident / damaged / "manifest.json").write_text("{")
    done = ops("replay", answer["incident"], "--json", env={"PITCHEY_OPS_ARCHIVE": str(copy)})

    assert done.returncode == 1
    found = {row["run"]: row for row in json.loads(done.stdout)}
    assert found[answer["run"]]["identical"] is True
    assert (found[damaged]["identical"], found[damaged]["ending"]) == (False, "not_started")
    words = ops("replay", answer["incident"], env={"PITCHEY_OPS_ARCHIVE": str(copy)}).stdout
    assert f"{damaged}: did not complete" in words
    assert "manifest.json: cannot be read" in words


@pytest.mark.parametrize(
    "damage", ["manifest gone", "manifest cut", "manifest empty", "bits", "body gone", "body bits"]
)
def test_what_is_damaged_is_told_in_words(tmp_path: Path, damage: str) -> None:
    """Not by an error of the library that met it."""
    with zipfile.ZipFile(Path(__file__).with_name("older_run.zip")) as packed:
        packed.extractall(tmp_path)
    folder = next(tmp_path.rglob("manifest.json")).parent
    body = next((folder / "bodies").iterdir())
    if damage == "manifest gone":
        (folder / "manifest.json").unlink()
    elif damage.startswith("manifest"):
        (folder / "manifest.json").write_text("{" if damage == "manifest cut" else "{}")
    elif damage == "body gone":
        body.unlink()
    else:
        path = body if damage == "body bits" else folder / "evidence.har.gz"
        path.write_bytes(path.read_bytes()[:20] + b"\xff" * 40 + path.read_bytes()[60:])
    if damage.startswith("manifest"):
        with pytest.raises(RecordError, match="cannot be read"):
            replay(folder)
    else:
        with pytest.raises(RecordError):
            unpack(folder, tmp_path / "workplace")


@pytest.mark.parametrize("damage", ["dropped", "cut", "gone", "changed"])
def test_a_damaged_record_is_never_identical(
    archived: tuple[Path, dict[str, Any]], tmp_path: Path, damage: str
) -> None:
    """Whatever was done to the evidence, the replay says so and exits with 1."""
    archive, answer = archived
    copy = tmp_path / "outputs"
    shutil.copytree(archive, copy)
    path = copy / answer["incident"] / answer["run"] / "evidence.har.gz"
    har = json.loads(gzip.decompress(path.read_bytes()))
    entries = har["log"]["entries"]
    if damage == "dropped":
        entries[:] = [entry for entry in entries if "/health" not in entry["request"]["url"]]
    elif damage == "changed":
        for entry in entries:
            content = entry["response"]["content"]
            if "/api/pitches" in entry["request"]["url"]:
                content["text"] = "{}"
    path.write_bytes(gzip.compress(json.dumps(har).encode()))
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-2000])
    elif damage == "gone":
        path.unlink()
    done = ops("replay", answer["run"], env={"PITCHEY_OPS_ARCHIVE": str(copy)})

    assert done.returncode == 1
    assert "identical" not in done.stdout
    assert "Traceback" not in done.stderr
    assert len(done.stdout + done.stderr) > 20


def test_the_network_is_closed_for_good() -> None:
    """By the system call, not by Python: other programs and other ways to call it are closed, too."""
    code = """
        import ctypes, errno, os, socket, subprocess, sys
        before = socket.socket()
        from pitchey_ops.runbooks.offline import close_network
        close_network()
        close_network()
        libc = ctypes.CDLL(None, use_errno=True)
        def call(*words):
            return 0 if libc.syscall(*words) >= 0 else ctypes.get_errno()
        number = {"x86_64": 41, "aarch64": 198}[os.uname().machine]
        print([call(number, family, 3 if family == 16 else 1, 0) for family in (1, 2, 10, 16, 17, 40)])
        print(call(0x40000000 + number, 2, 1, 0), call(425, 8, 0))
        a, b = socket.socketpair(); a.send(b"x"); print(b.recv(1))
        print(subprocess.run(["sh", "-c", "exec 3<>/dev/tcp/127.0.0.1/1"], capture_output=True).returncode != 0)
        print(before.fileno() > 0)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    lines = done.stdout.splitlines()

    assert done.returncode == 0, done.stderr
    assert lines == ["[0, 13, 13, 0, 13, 13]", "13 13", "b'x'", "True", "True"]


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=8,
)


@given(was=values, now=values)
def test_differences_are_there_exactly_when_something_differs(was: Any, now: Any) -> None:
    """An empty list beside "DIFFERS" would help nobody."""
    same = json.dumps(was, sort_keys=True) == json.dumps(now, sort_keys=True)
    assert (differences(was, now) == []) == same
    assert differences(was, was) == []


def test_differences_of_lists_are_told_by_name() -> None:
    """One finding more must not look as if all that follow had changed."""
    was = {"findings": [{"id": "a", "x": 1}, {"id": "c", "x": 1}], "n": [1, 2]}
    now = {"findings": [{"id": "a", "x": 1}, {"id": "b", "x": 2}, {"id": "c", "x": 3}], "n": [1, 3]}

    assert differences(was, now) == [
        'findings[b]: nothing -> {"id": "b", "x": 2}',
        "findings[c].x: 1 -> 3",
        "n[1]: 2 -> 3",
    ]
    assert differences([{"id": "a"}, {"id": "b"}], [{"id": "b"}, {"id": "a"}]) == [": in another order"]
