"""A witness of this tree, and a client of the witness protocol that others wrote."""

import re

from processes import run


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
