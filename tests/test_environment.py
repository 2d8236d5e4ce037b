"""The set-up, with a Python that only notes what it was asked to install."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

FAKE_PYTHON = """#!/usr/bin/env bash
case "$*" in
    "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *"pip install"*) echo "${*: -1}" >>installed; [[ ! -e broken ]] ;;
    *ensurepip*) [[ ! -e no-venv ]] ;;
    *) exec REAL "$@" ;;
esac
"""


@pytest.fixture
def project(tmp_path):
    for name in ("pyproject.toml", "constraints.txt", "scripts/environment.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    fake = tmp_path / "fakepython"
    fake.write_text(FAKE_PYTHON.replace("REAL", sys.executable))
    fake.chmod(0o755)
    return tmp_path


def prepare(project, extra="", **environment):
    """Give the exit code, what was printed, and what was installed by this call."""
    installed = project / "installed"
    installed.unlink(missing_ok=True)
    environment = {"PATH": os.environ["PATH"], "PYTHON": str(project / "fakepython"), **environment}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"source scripts/environment.sh; prepare_environment {extra}"],
        cwd=project, capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    return (
        done.returncode,
        done.stdout + done.stderr,
        installed.read_text().split() if installed.exists() else [],
    )


def test_it_is_made_once_and_then_reused(project):
    code, said, installed = prepare(project)
    assert (code, installed) == (0, ["."])
    assert "making .venv with Python" in said
    code, said, installed = prepare(project)
    assert (code, installed) == (0, [])
    assert said.startswith("environment: .venv, Python")


def test_what_the_tests_need_is_added(project):
    prepare(project)
    assert prepare(project, "dev")[2] == [".[dev]"]
    assert prepare(project, "dev")[2] == []
    assert prepare(project)[2] == []


def test_it_is_made_anew_when_the_dependencies_change(project):
    prepare(project, "dev")
    pins = project / "constraints.txt"
    pins.write_text(pins.read_text() + "\n# a remark\n")
    assert prepare(project, "dev")[2] == [], "a remark changes nothing"
    pins.write_text(pins.read_text() + "another==1.0\n")
    code, said, installed = prepare(project, "dev")
    assert (code, installed) == (0, [".", ".[dev]"])
    assert "the dependencies have changed; making it anew" in said


def test_an_interrupted_set_up_is_not_taken_for_a_finished_one(project):
    (project / "broken").touch()
    assert prepare(project)[0] != 0
    (project / "broken").unlink()
    code, said, installed = prepare(project)
    assert (code, installed) == (0, ["."])
    assert ".venv is unfinished" in said


def test_an_environment_of_somebody_else_is_left_alone(project):
    (project / ".venv").mkdir()
    (project / ".venv" / "precious").touch()
    code, said, installed = prepare(project)
    assert (code, installed) == (1, [])
    assert "a .venv that these scripts did not make" in said
    assert (project / ".venv" / "precious").exists()


def test_an_active_environment_is_used_when_told_to(project):
    code, said, installed = prepare(project, "dev", DTRB_ENV="active")
    assert (code, installed) == (0, [])
    assert "environment: the active one" in said
    assert not (project / ".venv").exists()


def test_what_is_missing_on_debian_is_said(project):
    (project / "no-venv").touch()
    code, said, _ = prepare(project)
    assert code == 1
    assert "apt install python3-venv" in said
    code, said, _ = prepare(project, PYTHON="python2")
    assert code == 1
    assert "Python 3.10 or newer is needed (tried: python2)" in said
