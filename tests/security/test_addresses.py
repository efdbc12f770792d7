"""Which addresses may be reached: the ways around that people have found, all refused."""

import pytest

from weft.errors import AccessDenied
from weft.security.addresses import Reach


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.9.9", "192.168.1.1", "169.254.169.254", "100.64.0.1",
     "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0",
     "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1",
     "2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1", "192.0.0.192", "192.0.0.8",
     "192.88.99.1", "168.63.129.16", "::ffff:168.63.129.16", "fec0::1", "localhost", ""],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert Reach().refusal(address) is not None


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_addresses_that_are(address: str) -> None:
    assert Reach().refusal(address) is None


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "gopher://x/", "ftp://x/", "//x/", "http:///x", "http://u:p@x/", "http://1.1.1.1@127.0.0.1/",
     "http://127.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::1%25lo]/", "http://x:99999/",
     "http://x\\@127.0.0.1/", " http://x/", "http://x/\nHost: y", "http://[::1", "javascript:alert(1)", ""],
)  # fmt: skip
def test_urls_that_are_refused_before_anything_is_looked_up(url: str) -> None:
    with pytest.raises(AccessDenied):
        Reach().url(url)


def test_what_was_allowed_by_name() -> None:
    reach = Reach(["Intra.example.", "box:8080", "10.1.0.0/16", "::1"])
    assert reach.host("intra.example", 80)
    assert reach.host("intra.example.", 443)
    assert reach.host("box", 8080)
    assert not reach.host("box", 80)
    assert reach.refusal("10.1.2.3") is None
    assert reach.refusal("10.2.2.3") is not None
    assert reach.url("http://[::1]:9/").port == 9
