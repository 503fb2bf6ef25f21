"""Sending to strangers over real HTTP: what is connected to, what is read, and what counts."""

import asyncio
import datetime
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from coordinator.domain.webhooks import ANSWER_CHARACTERS, Fault
from coordinator.gateway.webhook_networks import WebhookNetworks
from coordinator.gateway.webhook_sender import LOOKUPS, OF_ONE, WebhookSender
from tests.fakes.node import Asked, answer, fake_node

LOOPBACK = WebhookNetworks([ip_network("127.0.0.1/32")])
BODY, HEADERS, USER = b'{"type":"webhook.test"}', {"webhook-id": "msg_1"}, "user"
Reply = Callable[[Asked], Awaitable[bytes]]


@pytest.fixture
async def sender() -> AsyncIterator[WebhookSender]:
    opened = WebhookSender(LOOPBACK, patience_s=0.5)
    yield opened
    await opened.close()


def always(reply: bytes) -> Reply:
    async def give(_asked: Asked) -> bytes:
        return reply

    return give


class Names:
    """A resolver of a test's own: each lookup takes the next of the answers, the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, family: int, kind: int) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [one for address in found for one in socket.getaddrinfo(address, port, type=kind)]


async def test_a_message_arrives_with_its_headers_and_the_answer_comes_back(sender: WebhookSender) -> None:
    async with fake_node(always(answer(200, b"  thank\x00 you\n"))) as receiver:
        found = await sender.send(f"{receiver.url}/hook?a=%2F", BODY, HEADERS, USER)
    assert (found.status, found.fault, found.text) == (200, None, "thank you")
    [asked] = receiver.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/hook?a=%2F", BODY)
    assert asked.headers["webhook-id"] == "msg_1"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["host"] == f"127.0.0.1:{receiver.port}"


async def test_a_redirect_is_not_followed(sender: WebhookSender) -> None:
    async with fake_node(always(answer(204))) as elsewhere:
        async with fake_node(always(answer(307, headers=f"Location: {elsewhere.url}/\r\n"))) as receiver:
            found = await sender.send(receiver.url, BODY, HEADERS, USER)
        assert elsewhere.asked == []
    assert (found.status, found.fault) == (307, Fault.REDIRECT)


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.2:9/", "http://10.0.0.1/", "http://[::1]:9/", "http://[::ffff:10.0.0.1]/", "http://169.254.169.254/",
     "http://100.64.0.1/", "http://224.0.0.1/", "http://[fe80::1]/", "http://0.0.0.0:9/", "http://2130706433/"],
)  # fmt: skip
async def test_an_address_that_is_not_allowed_is_not_connected_to(sender: WebhookSender, address: str) -> None:
    found = await sender.send(address, BODY, HEADERS, USER)
    assert (found.status, found.fault) == (None, Fault.ADDRESS_REFUSED)


async def test_a_name_of_this_machine_is_refused_where_loopback_is_not_allowed() -> None:
    sender = WebhookSender(WebhookNetworks())
    async with fake_node(always(answer(204))) as receiver:
        found = await sender.send(f"http://localhost:{receiver.port}/", BODY, HEADERS, USER)
    await sender.close()
    assert found.fault is Fault.ADDRESS_REFUSED
    assert receiver.asked == []


async def test_one_forbidden_address_of_a_name_is_enough() -> None:
    sender = WebhookSender(LOOPBACK, Names(["127.0.0.1", "10.0.0.1"]))
    async with fake_node(always(answer(204))) as receiver:
        found = await sender.send(f"http://hooks.test:{receiver.port}/", BODY, HEADERS, USER)
    await sender.close()
    assert found.fault is Fault.ADDRESS_REFUSED
    assert receiver.asked == []


async def test_a_name_that_answers_differently_the_second_time_wins_nothing() -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    sender = WebhookSender(LOOPBACK, names)
    async with fake_node(always(answer(204))) as receiver:
        url = f"http://rebinding.test:{receiver.port}/"
        first = await sender.send(url, BODY, HEADERS, USER)
        assert names.asked == ["rebinding.test"]
        second = await sender.send(url, BODY, HEADERS, USER)
    await sender.close()
    assert (first.status, second.fault) == (204, Fault.ADDRESS_REFUSED)
    assert names.asked == ["rebinding.test"] * 2
    assert [asked.headers["host"] for asked in receiver.asked] == [f"rebinding.test:{receiver.port}"]


async def test_a_name_that_nobody_knows_is_said_so() -> None:
    def unknown(*_: object) -> list[tuple[Any, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    sender = WebhookSender(LOOPBACK, unknown)
    found = await sender.send("http://nobody.test/", BODY, HEADERS, USER)
    await sender.close()
    assert (found.fault, found.detail) == (Fault.UNKNOWN_HOST, "Name or service not known")


async def test_names_of_one_account_that_hang_hold_back_no_other_account() -> None:
    names, over = Names(["127.0.0.1"]), threading.Event()

    def slow(host: str, port: int, family: int, kind: int) -> list[tuple[Any, ...]]:
        if host.endswith(".slow.test"):
            over.wait()
        return names(host, port, family, kind)

    sender = WebhookSender(LOOPBACK, slow, patience_s=0.5)
    async with fake_node(always(answer(204))) as receiver:
        url = f"http://hooks.test:{receiver.port}/"
        slow_urls = [f"http://{number}.slow.test:{receiver.port}/" for number in range(LOOKUPS + 1)]
        found = await asyncio.gather(*(sender.send(one, BODY, HEADERS, "one") for one in slow_urls))
        assert [one.fault for one in found].count(Fault.TIMEOUT) == OF_ONE
        assert {one.fault for one in found} == {Fault.TIMEOUT, Fault.UNKNOWN_HOST}
        still = await sender.send(url, BODY, HEADERS, "one")
        assert (still.fault, still.detail) == (
            Fault.UNKNOWN_HOST,
            "earlier lookups of this account have not come back",
        )
        assert (await sender.send(url, BODY, HEADERS, "other")).status == 204
        over.set()
        while (await sender.send(url, BODY, HEADERS, "one")).status != 204:
            await asyncio.to_thread(os.sched_yield)
    await sender.close()


async def test_nobody_there_is_unreachable(sender: WebhookSender, free_port: int) -> None:
    found = await sender.send(f"http://127.0.0.1:{free_port}/", BODY, HEADERS, USER)
    assert (found.status, found.fault) == (None, Fault.UNREACHABLE)


async def test_silence_is_a_timeout(sender: WebhookSender) -> None:
    never = asyncio.Event()

    async def silent(_asked: Asked) -> bytes:
        await never.wait()
        return b""

    async with fake_node(silent) as receiver:
        found = await sender.send(receiver.url, BODY, HEADERS, USER)
    assert (found.status, found.fault) == (None, Fault.TIMEOUT)


async def test_what_is_no_http_is_a_bad_answer(sender: WebhookSender) -> None:
    async with fake_node(always(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")) as receiver:
        found = await sender.send(receiver.url, BODY, HEADERS, USER)
    assert (found.status, found.fault) == (None, Fault.BAD_ANSWER)


async def test_of_an_endless_answer_only_the_beginning_is_read(sender: WebhookSender) -> None:
    endless = b"HTTP/1.1 200 X\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 200_000
    async with fake_node(always(endless)) as receiver:
        found = await sender.send(receiver.url, BODY, HEADERS, USER)
    assert (found.status, found.fault, found.text) == (200, None, "x" * ANSWER_CHARACTERS)


async def test_retry_after_is_read_as_seconds(sender: WebhookSender) -> None:
    said = []
    for value in ("120", "Wed, 21 Oct 2026 07:28:00 GMT", "-5", "9" * 40):
        async with fake_node(always(answer(503, headers=f"Retry-After: {value}\r\n"))) as receiver:
            said.append((await sender.send(receiver.url, BODY, HEADERS, USER)).retry_after_s)
    assert said == [120, 0, 0, 0]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of `hooks.test`, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "hooks.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    return path


@pytest.mark.parametrize(("name", "fault"), [("hooks.test", None), ("other.test", Fault.TLS)])
async def test_the_checked_address_must_hold_the_certificate_of_the_name(
    certificate: Path, name: str, fault: Fault | None
) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    asked_for: list[str] = []
    served.sni_callback = lambda _socket, server_name, _context: asked_for.append(str(server_name))
    sender = WebhookSender(LOOPBACK, Names(["127.0.0.1"]), ssl.create_default_context(cafile=str(certificate)))
    async with fake_node(always(answer(204)), served) as receiver:
        found = await sender.send(f"https://{name}:{receiver.port}/", BODY, HEADERS, USER)
        await sender.close()
    assert (found.fault, asked_for) == (fault, [name])
