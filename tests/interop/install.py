"""How each third-party program is installed, below target/interop, from its public registry, at a pinned version.

What cannot be installed is a `Missing` in place of its path, which says why.
"""

import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from processes import Failed, run

HERE = Path(__file__).resolve().parent
INSTALL_SECONDS = 900

# Released programs: `go install` of exactly this version.
GO_PROGRAMS = {
    "fsck": "github.com/transparency-dev/tessera/cmd/fsck@v1.0.4",
    "hammer": "github.com/transparency-dev/tessera/internal/hammer@v1.0.4",
    "grpcurl": "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4",
    "litewitness": "filippo.io/torchwood/cmd/litewitness@v0.9.0",
    "timestamp-server": "github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server@v2.1.3",
}
MERKLE = "github.com/transparency-dev/merkle@v0.0.2"
# Programs built from a module of ours in go/, whose go.sum pins what they are made of.
GO_MODULES = {"verify": ["."], "collector": ["."], "omniwitness": [
    "github.com/transparency-dev/witness/cmd/omniwitness", "github.com/transparency-dev/witness/cmd/generate_keys"]}


class Missing(Exception):
    """A program that is not there, and why; not a fault of what is tested."""


class Tools:
    """Paths of programs by name; asking for one that could not be installed raises `Missing`."""

    def __init__(self, target: Path):
        self.target, self.found = target, {}
        target.mkdir(parents=True, exist_ok=True)

    def __getitem__(self, name) -> Path:
        found = self.found[name]
        if isinstance(found, Missing):
            raise found
        return found

    def install_all(self):
        """Installs everything; Go's compiler keeps two processors busy, so two at a time."""
        jobs = [(self.go_module, name, packages) for name, packages in GO_MODULES.items()]
        jobs += [(self.go_program, name, package) for name, package in GO_PROGRAMS.items()]
        jobs += [(self.python, "python", HERE / "python/requirements.txt", (3, 11)),
                 (self.python, "python-3.12", HERE / "python/requirements-3.12.txt", (3, 12)), (self.node, "node")]
        with ThreadPoolExecutor(3) as pool:
            for job in [pool.submit(self.attempt, *job) for job in reversed(jobs)]:
                job.result()
        for name in ("openssl", "sha256sum", "xxd", "ssh-agent", "ssh-keygen", "ssh-add"):
            path = shutil.which(name)
            self.found[name] = Path(path) if path else Missing(f"{name} is not on this machine")

    def attempt(self, install, name, *arguments):
        """Twice, since registries fail now and then."""
        for _ in range(2):
            try:
                self.found[name] = install(name, *arguments)
                break
            except Missing as why:
                self.found[name] = why
                break
            except (Failed, OSError) as why:
                self.found[name] = Missing("cannot be installed: " + " ".join(str(why).split())[-400:])
        print(f"  {name}: {self.found[name]}" if isinstance(self.found[name], Missing) else f"  {name}", flush=True)

    def go(self, *arguments, **environment):
        flags = f"{os.environ.get('GOFLAGS', '')} -p=2 -buildvcs=false".strip()
        run("go", *arguments, timeout=INSTALL_SECONDS, env={"GOFLAGS": flags, **environment})

    def go_program(self, name, package):
        folder = self.target / "go" / package.rsplit("@", 1)[1]
        if not (folder / name).exists():
            self.go("install", package, GOBIN=str(folder))
        return folder / name

    def go_module(self, name, packages):
        folder = self.target / "go" / "built"
        folder.mkdir(parents=True, exist_ok=True)
        module = HERE / "go" / name
        if name == "omniwitness":
            module = self.with_subtrees(module)
        self.go("build", "-C", str(module), "-o", f"{folder}/", *packages)
        return folder / name

    def with_subtrees(self, module):
        """The module copied beside a copy of transparency-dev/merkle that has the one function more
        that omniwitness names, and never calls unless it signs subtrees. The released merkle v0.0.2 lacks it."""
        source = self.target / "go" / "omniwitness-source"
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(module, source)
        described = run("go", "mod", "download", "-json", MERKLE, timeout=INSTALL_SECONDS, cwd=source,
                        env={"GOFLAGS": "-mod=mod"})
        released = json.loads(described[described.index("{"):])["Dir"]
        shutil.copytree(released, source / "merkle", copy_function=shutil.copyfile)
        for folder in [source / "merkle", *(source / "merkle").rglob("*/")]:
            folder.chmod(0o755)
        shutil.copy(source / "proof" / "subtree.go", source / "merkle" / "proof")
        return source

    def python(self, name, requirements, least):
        """A virtual environment with exactly these packages; its interpreter."""
        folder = self.target / name
        interpreter, installed = folder / "bin" / "python", folder / "installed.txt"
        if not installed.exists() or installed.read_text() != requirements.read_text():
            shutil.rmtree(folder, ignore_errors=True)
            run(find_python(least), "-m", "venv", folder)
            run(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements,
                timeout=INSTALL_SECONDS)
            shutil.copy(requirements, installed)
        return interpreter

    def node(self, name):
        """The scripts of node/ with the packages of its lock file; the folder."""
        folder, source = self.target / name, HERE / "node"
        folder.mkdir(exist_ok=True)
        locked = folder / "installed.json"
        for file in source.iterdir():
            shutil.copy(file, folder)
        if not locked.exists() or locked.read_bytes() != (source / "package-lock.json").read_bytes():
            run("npm", "ci", "--no-audit", "--no-fund", timeout=INSTALL_SECONDS, cwd=folder)
            shutil.copy(source / "package-lock.json", locked)
        return folder


def find_python(least):
    """An interpreter that is new enough: this one, one on the path, or one that pyenv keeps."""
    candidates = [sys.executable, *(f"python3.{minor}" for minor in range(20, 10, -1))]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates += sorted((path / "bin" / "python3" for path in pyenv.glob("3.*")), reverse=True)
    for candidate in candidates:
        try:
            version = run(candidate, "-c", "import sys; print(*sys.version_info[:2])").split()
        except (Failed, OSError):
            continue
        if tuple(map(int, version)) >= least:
            return candidate
    raise Missing(f"there is no Python {least[0]}.{least[1]} or newer on this machine")
