"""Debian's Groovy, the version that Jenkins embeds, on any JDK from 17 on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from tests.required_tools import need_file, need_program

PACKAGES: Final = "groovy default-jre-headless"
_GROOVY: Final = Path("/usr/share/java/groovy-all.jar")


def groovy(script: Path, *options: str) -> list[str]:
    """The command that runs a script beside others of its folder, with options of Java; skips where it is missing."""
    home = os.environ.get("JAVA_HOME")
    of_home = [str(Path(home) / "bin" / "java")] if home else []
    java = need_program(*of_home, "java", package=PACKAGES)
    classes = os.pathsep.join((str(need_file(_GROOVY, PACKAGES)), str(script.parent)))
    return [java, "-XX:TieredStopAtLevel=1", *options, "-cp", classes, "groovy.ui.GroovyMain", str(script)]
