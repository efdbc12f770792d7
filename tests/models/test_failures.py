"""Whose words an error has, and what it says to do."""

import pytest

from weft.errors import AuthenticationFailed, ModelError, ModelUnavailable, RateLimited
from weft.models.failures import translated


class RateLimitError(Exception):
    """As a provider's library would name it."""

    response = type("Response", (), {"headers": {"retry-after": "7"}})


class APIError(Exception):
    status_code = 403


class APIConnectionError(Exception):
    """LiteLLM's name for what it does not understand."""


class MidStreamFallbackError(Exception):
    def __init__(self, original: Exception) -> None:
        self.original_exception = original


def test_words_hint_and_waiting_time() -> None:
    error = RateLimitError(
        'litellm.RateLimitError: RateLimitError: OpenAIException - {"error": {"message": "Too fast"}}'
    )
    ours = translated(error, "openai/m")
    assert str(ours) == "openai/m: Too fast. Retry after 7 s. Try again later, or use another model."
    assert type(ours) is RateLimited


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("litellm.APIError: APIError: OpenAIException - Not for you", "Not for you."),
        ("litellm.APIError: XaiException - {'not': json}", "{'not': json}."),
        (
            'OpenrouterException - {"error": {"message": "Provider returned error", "metadata": {"raw": "slow"}}}',
            "Provider returned error: slow.",
        ),
        ('{"detail": "no such thing"}', "no such thing."),
        ("", "APIError."),
    ],
)
def test_only_the_words_of_the_provider_are_left(said: str, words: str) -> None:
    assert str(translated(APIError(said), "m")).startswith(f"m: {words}")


def test_the_status_decides_where_the_class_does_not() -> None:
    assert type(translated(APIError("x"), "m")) is AuthenticationFailed


def test_what_was_wrapped_is_unwrapped() -> None:
    assert type(translated(MidStreamFallbackError(RateLimitError("x")), "m")) is RateLimited


def test_a_mistake_of_the_library_is_not_tried_again() -> None:
    for cause, kind in ((AttributeError("x"), ModelError), (ConnectionRefusedError("x"), ModelUnavailable)):
        error = APIConnectionError("x")
        error.__cause__ = cause
        assert type(translated(error, "m")) is kind


def test_a_key_is_never_repeated() -> None:
    assert "the-key" not in str(translated(APIError("the-key is wrong"), "m", secret="the-key"))
