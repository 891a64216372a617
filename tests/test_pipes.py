"""Commands whose reader stops reading, such as `| head`: no traceback, no message."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from goods.core.pipes import ENDED

PRINTING = """
from goods import cli
from goods.core.log import say
import sys

def main():
    for _ in range(20_000):
        {line}

cli.run(main)
"""


def left_alone(command: list[object], stream: str = "stdout") -> tuple[int, bytes]:
    """Exit code, and what the other stream says, of a command whose `stream` nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    other = "stderr" if stream == "stdout" else "stdout"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")} | dict(os.environ)
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        **{stream: writer, other: subprocess.PIPE},
        env=environment,
        cwd=ROOT,
        timeout=120,
    )
    os.close(writer)
    return done.returncode, done.stdout if other == "stdout" else done.stderr


@pytest.mark.parametrize(("stream", "line"), [("stdout", "print('a line')"), ("stderr", "say('a line')")])
def test_a_script_that_nobody_reads_ends_without_a_word(tmp_path, stream, line):
    path = tmp_path / "script.py"
    path.write_text(PRINTING.format(line=line))
    assert left_alone([path], stream) == (ENDED, b"")


@pytest.mark.parametrize("command", [["scripts/doctor.py", "--help"], ["-m", "goods", "--help"]])
def test_so_does_its_help(command):
    code, said = left_alone(command)
    assert code in (0, ENDED) and said == b""  # where nothing is buffered, argparse passes over what fails


def test_an_error_is_told_though_nobody_reads_stdout(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        PRINTING.format(line="raise GoodsError('no')").replace(
            "import sys", "from goods.core.errors import GoodsError"
        )
    )
    assert left_alone([path]) == (2, b"error: no\n")


CLOSED = """
import os, sys
from pathlib import Path
for number in map(int, sys.argv[1]):
    os.close(number)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""

WRITING = """
import os, sys
from goods import cli
from goods.core.log import say

def main():
    with open(sys.argv[1], "w") as file:
        os.write(2, b"of a library")
        print("a line")
        say("a message")
        file.write("mine")

cli.run(main)
"""


@pytest.mark.parametrize("closed", ["0", "1", "2", "012"])
def test_streams_that_are_closed_stop_nothing_and_write_into_no_file(tmp_path, closed):
    path, out = tmp_path / "script.py", tmp_path / "out"
    path.write_text(WRITING)
    command = [sys.executable, "-c", CLOSED, closed, str(path), str(out)]
    environment = {"PYTHONPATH": str(ROOT / "src")} | os.environ
    done = subprocess.run(command, capture_output=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert out.read_text() == "mine"
    assert b"Traceback" not in done.stderr and (b"a message" in done.stderr) == ("2" not in closed)


@pytest.mark.parametrize(
    ("stream", "code", "told"),
    [("stderr", 0, "a line"), ("stdout", 2, "error: stdout: what was printed cannot be written (")],
)
def test_a_log_on_a_full_disk_stops_nothing_and_a_lost_result_is_told(tmp_path, stream, code, told):
    path, out = tmp_path / "script.py", tmp_path / "out"
    path.write_text(WRITING.replace('os.write(2, b"of a library")', "pass"))
    other = {"stderr": "stdout", "stdout": "stderr"}[stream]
    environment = {"PYTHONPATH": str(ROOT / "src")} | os.environ | {"PYTHONUNBUFFERED": ""}
    with Path("/dev/full").open("w") as full:
        streams = {stream: full, other: subprocess.PIPE}
        done = subprocess.run([sys.executable, path, out], **streams, env=environment, text=True, timeout=120)
    assert (done.returncode, out.read_text()) == (code, "mine")
    said = (done.stdout or done.stderr).splitlines()
    assert said[-1].startswith(told) and "Traceback" not in "".join(said)


GONE = """
import os, sys
folder = sys.argv[1]
os.mkdir(folder)
os.chdir(folder)
os.rmdir(folder)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


@pytest.mark.parametrize("command", [[str(ROOT / "scripts/doctor.py")], ["-m", "goods", "doctor"]])
def test_a_current_folder_that_was_removed_is_told_in_one_line(tmp_path, command):
    environment = {"PYTHONPATH": str(ROOT / "src")} | os.environ
    done = subprocess.run(
        [sys.executable, "-c", GONE, str(tmp_path / "gone"), *command], capture_output=True, env=environment
    )
    assert done.returncode == 2
    assert done.stderr == b"error: the current folder was removed; cd to one that is there\n"


def test_what_an_encoding_lacks_is_written_as_python_spells_it(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(PRINTING.format(line="print('Чашка → cup')").replace("20_000", "1"), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, path], capture_output=True, env=environment, cwd=ROOT, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"\\u0427\\u0430\\u0448\\u043a\\u0430 \\u2192 cup\n"
