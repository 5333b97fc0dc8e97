"""Three witnesses that others wrote, each made to know the notary's log, listening on loopback."""

import re
import shutil
import sqlite3

from notary import ORIGIN
from processes import free_port, run


class Witness:
    """A witness that listens: its name in trust.toml, its submission prefix, its verifier keys."""

    def __init__(self, name, process, port, vkeys):
        self.name, self.process, self.port, self.vkeys = name, process, port, vkeys
        self.keys = ["+".join(vkey.split("+")[:2]) for vkey in vkeys]
        self.url = f"http://127.0.0.1:{port}"
        process.await_port(port)


def omniwitness(world, folder, log_key):
    """Cosigns with Ed25519 and with ML-DSA-44."""
    generate, keys, vkeys = world.tools["omniwitness"].with_name("generate_keys"), [], []
    for kind in ("ed25519", "mldsa"):
        private, public = folder / f"{kind}.key", folder / f"{kind}.pub"
        run(generate, "--origin", "omniwitness.example/w1", f"--mldsa={kind == 'mldsa'}", "--out_priv", private,
            "--out_pub", public)
        keys += ["--private_key_path", private]
        vkeys.append(public.read_text().strip())
    logs = folder / "logs.yaml"
    logs.write_text(f"Logs:\n  - Origin: {ORIGIN}\n    URL: https://{ORIGIN}\n    PublicKey: {log_key}\n")
    port = free_port()
    process = world.children.start(
        "omniwitness", world.tools["omniwitness"], "--listen", f"127.0.0.1:{port}", "--metrics_listen", "", *keys,
        "--db_file", folder / "witness.db", "--additional_logs", logs, "-v=1", "--logtostderr")
    return Witness("omniwitness", process, port, vkeys)


def litewitness(world, folder, log_key):
    """Keeps its key in an ssh-agent of its own and its logs in SQLite."""
    key, socket, database = folder / "key", folder / "agent", folder / "witness.db"
    agent = world.children.start("ssh-agent", world.tools["ssh-agent"], "-D", "-a", socket)
    agent.await_said("SSH_AUTH_SOCK")
    run(world.tools["ssh-keygen"], "-q", "-t", "ed25519", "-N", "", "-f", key)
    run(world.tools["ssh-add"], "-q", key, env={"SSH_AUTH_SOCK": str(socket)})
    fingerprint = run(world.tools["ssh-keygen"], "-l", "-f", key).split()[1]
    port = free_port()
    process = world.children.start(
        "litewitness", world.tools["litewitness"], "-name", "litewitness.example/w2", "-db", database, "-ssh-agent", socket,
        "-key", fingerprint, "-listen", f"127.0.0.1:{port}")
    process.await_said("vkey=")
    vkey = re.search(r"vkey=(\S+)", process.said())[1].strip('"')
    # What `witnessctl add-log` and `add-key` do; that program needs a module that not every proxy hands out.
    with sqlite3.connect(database) as connection:
        empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        connection.execute("INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)", (ORIGIN, empty))
        connection.execute("INSERT INTO key (origin, key) VALUES (?, ?)", (ORIGIN, log_key))
    connection.close()
    return Witness("litewitness", process, port, [vkey])


def aics_witness(world, folder, log_key):
    """Written in Python."""
    command = [world.tools["python-3.12"], "-m", "aics_witness"]
    config, port = ["--config", folder / "witness.json"], free_port()
    said = run(*command, "init", *config, "--name", "aics-witness.example/w3", "--listen", f"127.0.0.1:{port}")
    vkey = re.search(r"\S+\+[0-9a-f]{8}\+\S+", said)[0]
    run(*command, "add-log", *config, "--origin", ORIGIN, "--vkey", log_key)
    process = world.children.start("aics-witness", *command, "serve", *config)
    return Witness("aics-witness", process, port, [vkey])


def our_own(world):
    """`trialseal-server witness`, fed by the client that comes with aics-witness."""
    folder, server, python = world.folder / "witness", world.notary.server, world.tools["python-3.12"]
    run(server, "witness", "init", "--dir", folder, "--name", "witness.example/w4", "--passphrase-file",
        world.notary.passphrase, "--listen", "127.0.0.1:0")
    run(server, "witness", "add-log", "--dir", folder, "--log-pub", world.notary.log_pub)
    process = world.children.start("witness", server, "witness", "serve", "--dir", folder)
    process.await_said("READY ")
    address = re.search(r"READY http=(\S+)", process.said())[1]
    vkey = (folder / "keys" / "witness.pub").read_text().split()[0]
    older = world.folder / "fed.note"
    older.write_text(world.older)
    return run(python, world.here / "python" / "feed.py", f"http://{address}/w4", vkey, world.notary.url,
               world.notary.ed25519, older).splitlines()[-1]
