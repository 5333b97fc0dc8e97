"""A notary that asks third-party witnesses and timestamp authorities, and programs that check what they gave.

All of it is one scenario, played once: records with a quorum of witnesses and tokens of both authorities, then one
witness killed, then two, then one of them back. Each program is judged by its own part.
"""

import json
from signal import SIGKILL

import witnesses
from authorities import OpensslAuthority, SigstoreAuthority
from install import Missing
from notary import Notary, receipt_of, signers
from processes import Failed, await_that, run

WITNESSES = {"omniwitness": witnesses.omniwitness, "litewitness": witnesses.litewitness,
             "aics-witness": witnesses.aics_witness}
AUTHORITIES = {"openssl": OpensslAuthority, "timestamp-server": SigstoreAuthority}


class Evidence:
    """The scenario: who was there, and the receipts of its stages."""

    def __init__(self, world):
        self.world, folder = world, world.folder / "evidence"
        self.notary = Notary(folder, world.bin, world.children)
        self.missing, self.witnesses, self.authorities = {}, {}, {}
        for name, start in WITNESSES.items():
            self.attempt(self.witnesses, name, start, self.notary.ed25519)
        for name, start in AUTHORITIES.items():
            self.attempt(self.authorities, name, start)
        if not self.witnesses or not self.authorities:
            raise Missing("no witness, or no authority, could be installed")
        # All but one, so that one may be gone.
        self.quorum = max(1, len(self.witnesses) - 1)
        self.write_trust()
        self.notary.start()
        self.play()

    def attempt(self, into, name, start, *arguments):
        folder = self.notary.folder / name
        folder.mkdir()
        try:
            into[name] = start(self.world, folder, *arguments)
        except Missing as why:
            self.missing[name] = why

    def write_trust(self):
        """The trust file of those who verify; the notary asks those whom it names."""
        text = self.notary.trust.read_text().split("[policy]")[0]
        asked = ["[evidence]", 'trust = "sealed.toml"', "timestamp_every_seconds = 1",
                 f"must_answer = {json.dumps(list(self.authorities))}"]
        for name, witness in self.witnesses.items():
            text += f"\n[[witness]]\nname = {json.dumps(name)}\nvkeys = {json.dumps(witness.vkeys)}\n"
            asked += [f"[evidence.witnesses.{name}]", f'url = "{witness.url}"']
        for name, authority in self.authorities.items():
            text += f"\n[[authority]]\nname = {json.dumps(name)}\nroots = [{json.dumps(authority.issuers[0])}]\n"
            asked += [f"[evidence.authorities.{name}]", f'url = "{authority.url}"']
        text += f'\n[[group]]\nname = "all"\nof = {self.quorum}\nmembers = {json.dumps(list(self.witnesses))}\n'
        for level in ("sealed", "witnessed", "timestamped"):
            (self.notary.dir / f"{level}.toml").write_text(text + f'\n[policy]\nquorum = "all"\nrequire = "{level}"\n')
        # What the member's own command verifies with.
        self.notary.trust = self.notary.dir / "sealed.toml"
        self.notary.configure("\n".join(asked))

    def play(self):
        """The stages; `at_stages` are the files whose receipts are to be witnessed."""
        notary, (first, *others) = self.notary, self.witnesses.values()
        older = notary.checkpoint()
        self.all = notary.submit(2, "all", ["--level", "timestamped", "--deadline", "60"])[0]
        self.at_stages = [self.all]
        # Whoever answered after the quorum was there is found at the checkpoint itself.
        wanted = {key for witness in self.witnesses.values() for key in witness.keys}
        await_that("every witness cosigned the checkpoint", lambda: wanted <= signers(notary.checkpoint()).keys())
        self.judged = go_verify(self, older)
        if others:
            others[0].process.stop(SIGKILL)
            self.at_stages += notary.submit(1, "one-gone", ["--level", "witnessed", "--deadline", "30"])
        if others[1:]:
            # With two gone it is sealed at once, and the level is waited for in vain; with one back it is reached.
            first.process.stop(SIGKILL)
            late = notary.submit(1, "two-gone", ["--level", "witnessed", "--deadline", "3"], expect=3)
            first.process.start()
            run(*notary.trialseal, "upgrade", receipt_of(late[0])[0], "--level", "witnessed", "--deadline", "60")
            self.at_stages += late


def go_verify(evidence, older):
    """What Go's reference implementations say of a receipt and of the newest checkpoint, cosignatures included."""
    notary, file = evidence.notary, evidence.notary.folder / "older.checkpoint"
    file.write_text(older)
    vkeys = [vkey for witness in evidence.witnesses.values() for vkey in witness.vkeys]
    return run(evidence.world.tools["verify"], notary.log_pub, notary.url, file, receipt_of(evidence.all)[0], *vkeys)


def witness(name):
    """The check of one witness: each of its keys cosigned the checkpoint, and receipts of every stage are witnessed."""

    def check(world):
        evidence = world.evidence
        if name in evidence.missing:
            raise evidence.missing[name]
        keys, newest = evidence.witnesses[name].keys, evidence.judged.splitlines()[-1]
        if not all(f"cosigned by {key}" in newest for key in keys):
            raise Failed(f"no valid cosignature by all of {keys}\n{evidence.judged}")
        for file in evidence.at_stages:
            run(*evidence.notary.trialseal, "verify", file, "--trust", evidence.notary.dir / "witnessed.toml")
        stages = ("all there", "one killed", "two killed and one back")[:len(evidence.at_stages)]
        return f"{len(keys)} keys; {evidence.quorum} of {len(evidence.witnesses)} suffice: {', '.join(stages)}"

    return check
