"""Programs that talk to the notary's services: gRPC as an outsider finds it, and telemetry over OTLP."""

import base64
import json
import os

from notary import REGISTER, receipt_of
from processes import Failed, await_that, free_port, run


def grpcurl(world):
    """By reflection alone: list, describe, submit a draft, fetch the receipt of a signed record and verify it."""
    notary = world.notary

    def call(*arguments):
        return run(world.tools["grpcurl"], "-plaintext", "-max-time", "30", *arguments)

    services = call(notary.grpc, "list").split()
    wanted = {"trialseal.v1.Notary", "trialseal.v1.Log", "grpc.health.v1.Health"}
    if not wanted <= set(services):
        raise Failed(f"services: {services}")
    if "rpc GetReceipt" not in call(notary.grpc, "describe", "trialseal.v1.Notary"):
        raise Failed("describe does not show GetReceipt")
    token = ["-H", f"authorization: Bearer {notary.token}"]
    draft = {"draft": {"idempotency_key": base64.b64encode(os.urandom(32)).decode(), "register": REGISTER, "class": "trial",
                       "event": "enrolment-opened", "declared_at": "2026-11-20"}}
    drafted = json.loads(call(*token, "-d", json.dumps(draft), notary.grpc, "trialseal.v1.Notary/Submit"))
    when = json.loads(drafted["receipt"]["record"]["when"]["text"])
    if when["event"] != "enrolment-opened":
        raise Failed(f"recorded: {when}")
    # The receipt in protobuf's own JSON is a receipt file.
    index = json.loads(receipt_of(world.files[0])[1]["record"]["when"]["text"])["index"]
    fetched = json.loads(call(*token, "-d", json.dumps({"index": index}), notary.grpc, "trialseal.v1.Notary/GetReceipt"))
    file = world.folder / "fetched.receipt.json"
    file.write_text(json.dumps(fetched["receipt"]))
    run(*notary.trialseal, "verify", file, "--trust", notary.trust)
    verifier = world.here.parent / "independent" / "verify_receipt.py"
    run(world.tools["python"], verifier, "--log-pub", notary.log_pub, file)
    return f"{len(services)} services; draft is record {when['index']}; the receipt of record {index} verifies as it came"


class Collector:
    """An OpenTelemetry Collector that prints what it receives."""

    def __init__(self, world):
        self.port = free_port()
        self.process = world.children.start(
            "collector", world.tools["collector"], "--config", "yaml:" + json.dumps({
                "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{self.port}"}}}},
                "exporters": {"debug": {"verbosity": "detailed"}},
                "service": {
                    "telemetry": {"metrics": {"level": "none"}},
                    "pipelines": {kind: {"receivers": ["otlp"], "exporters": ["debug"]} for kind in ("traces", "metrics")},
                }}))
        self.process.await_port(self.port)


def opentelemetry_collector(world):
    """The Collector receives spans of calls and batches, and metrics, by OTLP over gRPC."""
    from notary import Notary
    collector = Collector(world)
    notary = Notary(world.folder / "telemetry", world.bin, world.children)
    notary.start(TRIALSEAL_SERVER_TELEMETRY__OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}")
    notary.submit(3)
    notary.process.stop()  # what is not sent yet is sent at the end
    wanted = ["trialseal.v1.Notary/Submit", "Name           : batch", "trialseal_batch_records", "trialseal_commit_seconds"]
    await_that(f"the Collector has {wanted}", lambda: all(text in collector.process.said() for text in wanted))
    return "spans of calls and of batches, histograms of batch size and commit time"
