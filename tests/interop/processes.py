"""Programs as processes: run with a timeout, started in the background, and all ended at the end."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

PATIENCE = 60  # seconds that anything may take which only another process can make happen


class Failed(Exception):
    """A program refused, or answered what it must not; says what it said."""


def run(*command, timeout=PATIENCE, expect=0, env=None, **options):
    """Runs a program to its end and returns what it printed, errors included."""
    command = [str(part) for part in command]
    try:
        done = subprocess.run(
            command, stdin=options.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=timeout, env={**os.environ, **(env or {})}, **options)
    except subprocess.TimeoutExpired as late:
        said = (late.stdout or b"").decode(errors="replace")
        raise Failed(f"{' '.join(command)}\ndid not end within {timeout} s\n{said}") from None
    said = done.stdout.decode(errors="replace")
    if expect is not None and done.returncode != expect:
        raise Failed(f"{' '.join(command)}\nended with {done.returncode}, not {expect}\n{said}")
    return said


def await_that(what, test, patience=PATIENCE, pause=0.05):
    """Asks until `test` returns something, and returns that."""
    end = time.monotonic() + patience
    while not (found := test()):
        if time.monotonic() > end:
            raise Failed(f"not within {patience} s: {what}")
        time.sleep(pause)
    return found


def free_port():
    """A port that is free now, for programs that cannot say which one the system gave them."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Background:
    """A program that goes on running; what it prints is in `log`."""

    def __init__(self, name, command, log: Path, **options):
        self.name, self.log = name, log
        self.command, self.options = [str(part) for part in command], options
        self.start()

    def start(self):
        """Starts it, or starts it again."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **self.options)

    def said(self):
        return self.log.read_text(errors="replace")

    def await_said(self, text, patience=PATIENCE):
        """Waits until it printed `text`; fails at once if it ends instead."""
        def test():
            if text in self.said():
                return True
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended with {self.process.returncode}\n{self.said()}")
            return False
        try:
            await_that(f"{self.name} says {text!r}", test, patience)
        except Failed as why:
            raise Failed(f"{why}\n{self.said()[-4000:]}") from None

    def await_port(self, port):
        """Waits until it accepts connections."""
        def test():
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended with {self.process.returncode}\n{self.said()}")
            with socket.socket() as client:
                return client.connect_ex(("127.0.0.1", port)) == 0
        await_that(f"{self.name} listens on {port}", test)

    def stop(self, how=signal.SIGTERM):
        """Ends it, at the latest after ten seconds."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Children:
    """Everything started in the background, so that nothing stays behind."""

    def __init__(self, folder: Path):
        self.folder, self.started = folder, []

    def start(self, name, *command, **options):
        child = Background(name, command, self.folder / f"{name}.{len(self.started)}.log", **options)
        self.started.append(child)
        return child

    def tails(self):
        """The end of what each of them printed."""
        return "".join(f"--- {child.log.name}\n{child.said()[-2000:]}\n" for child in self.started)

    def stop_all(self):
        for child in reversed(self.started):
            child.stop()
