"""Compile the counting kernel when the package is built, where a C compiler is at hand; elsewhere it counts in numpy.

The kernel is plain C that ctypes loads: a wheel with it serves every Python of its system, one without it every system.
"""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = "riskwarn/history/_kernel.c"
LIBRARY = "riskwarn/history/_kernel.so"
FLAGS = ("-O3", "-shared", "-fPIC", "-fvisibility=hidden", "-std=c11")


def flags(platform: str) -> list[str]:
    """What the compiler is told; a wheel whose tag speaks for both processors of a Mac holds code for both."""
    both = ("-arch", "arm64", "-arch", "x86_64") if platform.endswith("universal2") else ()
    return [*FLAGS, *both]


class KernelHook(BuildHookInterface):
    """Adds the compiled kernel to a wheel or an editable install; a source archive carries the C file alone."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the hook's signature
        """Compile; a failure is told and leaves the pure package."""
        if self.target_name == "wheel" and self._compiled():
            build_data["artifacts"].append(LIBRARY)
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"

    def _compiled(self) -> bool:
        if os.environ.get("RISKWARN_PURE") == "1":
            return False
        compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if not compiler:
            self.app.display_info("no C compiler: the package will count in numpy")
            return False
        root = Path(self.root)
        command = [compiler, *flags(sysconfig.get_platform()), "-o", str(root / LIBRARY), str(root / SOURCE), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            self.app.display_warning(
                f"the kernel did not compile, the package will count in numpy: {done.stderr[:200]}"
            )
        return done.returncode == 0
