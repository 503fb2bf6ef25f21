import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

import protocol
from protocol.base import RequestModel, WireModel
from protocol.interfaces import Heartbeat, Register
from protocol.live import LIVE_MESSAGE, Authenticate, Hello
from protocol.reports import Callback
from protocol.version import NEWEST_SUPPORTED, OLDEST_SUPPORTED, PROTOCOL_VERSION, supported
from protocol.work import Assignment, Encoding
from tests.protocol.strategies import message


def _models() -> Iterator[type[BaseModel]]:
    for module in pkgutil.iter_modules(protocol.__path__, "protocol."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, (WireModel, RequestModel)):
                yield value


MODELS = sorted(set(_models()) - {WireModel, RequestModel}, key=lambda model: model.__name__)
SLOW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_every_message_is_looked_at() -> None:
    assert {Register, Heartbeat, Assignment, Callback, Hello} < set(MODELS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_message_survives_the_wire(model: type[BaseModel]) -> None:
    @SLOW
    @given(message(model))
    def survives(sent: BaseModel) -> None:
        assert model.model_validate_json(sent.model_dump_json()) == sent

    survives()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_message_can_be_changed(model: type[BaseModel]) -> None:
    @settings(SLOW, max_examples=1)
    @given(message(model))
    def is_frozen(sent: BaseModel) -> None:
        for name in model.model_fields:
            with pytest.raises(ValidationError, match="frozen"):
                setattr(sent, name, None)

    is_frozen()
    assert model.model_config["frozen"]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_newer_peer_is_understood_and_a_misspelt_request_is_not(model: type[BaseModel]) -> None:
    @settings(SLOW, max_examples=3)
    @given(message(model))
    def unknown_fields(sent: BaseModel) -> None:
        newer = {**sent.model_dump(mode="json"), "from_the_future": 1}
        if issubclass(model, WireModel):
            assert model.model_validate(newer) == sent
        else:
            with pytest.raises(ValidationError, match="from_the_future"):
                model.model_validate(newer)

    unknown_fields()
    assert model.model_config["extra"] == ("ignore" if issubclass(model, WireModel) else "forbid")


@given(message(Hello))
def test_live_messages_are_told_apart_by_their_type(sent: BaseModel) -> None:
    assert LIVE_MESSAGE.validate_json(sent.model_dump_json()) == sent


@given(message(Authenticate))
def test_a_token_is_not_in_the_printed_form(sent: BaseModel) -> None:
    assert "token" not in repr(sent)


@pytest.mark.parametrize(
    "wrong",
    [
        {"crf": 52},
        {"crf": -1},
        {"threads": 0},
        {"codec": "h264:log=/etc/passwd"},
        {"preset": "veryslow -f x"},
        {"image": "exe"},
    ],
)
def test_no_free_text_reaches_an_encoder(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Encoding.model_validate(wrong)


@pytest.mark.parametrize("token", ["\0", "a\0b", "\ud800", "\udfff.x"])
def test_what_is_no_text_is_refused(token: str) -> None:
    with pytest.raises(ValidationError, match="no text"):
        Authenticate.model_validate({"type": "auth", "token": token})
    assert Authenticate.model_validate({"type": "auth", "token": "\U0001f600"}).token


@given(st.integers(-10, 10))
def test_a_version_is_a_range(version: int) -> None:
    assert supported(version) == (OLDEST_SUPPORTED <= version <= NEWEST_SUPPORTED)
    assert supported(PROTOCOL_VERSION)
