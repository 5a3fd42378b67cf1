"""Two machines: cables pulled, machines killed and frozen; and how a process notices that another is silent."""

import json
import math
import os
import subprocess
import sys
import time

import pytest
import torch.distributed as dist

from acflib.engine import contact
from acflib.engine.contact import Watch, clear_contact_errors
from acflib.errors import ContactError
from tests.training import two_machines

CUTS = 10


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_cuts_and_ten_resumes(tmp_path):
    if reason := two_machines.missing():
        pytest.skip(reason)
    found = two_machines.prove(tmp_path, CUTS)
    assert len(found) == CUTS and {cut["fault"] for cut in found} == {"cable", "kill", "freeze"}


def test_what_the_page_says_was_measured():
    cuts = json.loads(two_machines.RESULTS.read_text(encoding="utf-8"))["cuts"]
    page = " ".join((two_machines.ROOT / "docs" / "cityscapes.md").read_text(encoding="utf-8").split())
    assert {cut["fault"] for cut in cuts} == {"cable", "kill", "freeze"}
    slowest = math.ceil(max(second for cut in cuts for second in cut["seconds"].values()))
    assert slowest < 60 and f"Of {len(cuts)} faults at random moments" in page and f"within {slowest} seconds" in page
    assert f"after {contact.INTERVAL * contact.MISSED:.0f} seconds without a sign" in page


@pytest.fixture
def given_up(monkeypatch) -> list[list[int]]:
    """What processes were given up, in place of the end of this one."""
    found = []
    monkeypatch.setattr(contact, "give_up", lambda gone, signs, seconds: found.append(gone))
    return found


def watches(world_size: int) -> list[Watch]:
    """The watches of all processes, in this one."""
    store = dist.HashStore()
    return [Watch(store, rank, world_size, interval=0.02, missed=25) for rank in range(world_size)]


def wait_until(condition) -> None:
    deadline = time.time() + 60
    while not condition():
        assert time.time() < deadline
        time.sleep(0.01)


def test_a_silent_process_is_given_up_and_no_other(given_up):
    first, second, third = watches(3)
    for watch in (first, second, third):
        watch.start()
    third.over.set()  # it says nothing any more
    wait_until(lambda: given_up)
    first.over.set(), second.over.set()
    assert all(gone == [2] for gone in given_up)


def test_a_name_does_not_say_that_a_process_has_ended(given_up, monkeypatch):
    monkeypatch.setattr(contact.platform, "node", lambda: "abandoned")  # it holds "done"
    test_a_silent_process_is_given_up_and_no_other(given_up)


def test_one_that_ends_in_good_order_is_not_missed(given_up):
    first, second = watches(2)
    first.start(), second.start()
    second.say_goodbye()
    looks = first.looks
    wait_until(lambda: first.looks > looks + 2 * first.missed)
    first.say_goodbye()
    assert given_up == []


def test_all_are_given_up_where_the_store_is_gone(given_up, monkeypatch):
    """The first process's machine keeps the store: without it nobody is heard."""
    first, second = watches(2)
    first.start(), second.start()
    monkeypatch.setattr(second, "store", Unreachable())
    wait_until(lambda: [0] in given_up)
    first.over.set(), second.over.set()


class Unreachable:
    def set(self, key, value):
        raise dist.DistNetworkError("connection reset")


def test_the_end_of_a_silent_run(tmp_path):
    """Status 2; the message names process and machine, on stderr and where torchrun looks, before the hint."""
    report = tmp_path / "error.json"
    program = (
        "from acflib.engine.contact import give_up\nfrom acflib.engine.stopping import last_words\n"
        "with last_words('go on with --resume'):\n"
        '    give_up([1], [\'\', \'{"machine": "beta", "sign": "7"}\'], 20.0)\n'
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"TORCHELASTIC_ERROR_FILE": str(report)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 2
    assert "nothing was heard of process 1 on beta for 20 seconds" in done.stderr
    assert "process 1 on beta" in report.read_text() and "go on with --resume" in report.read_text()


def test_half_a_minute_is_left_to_torchrun():
    assert contact.INTERVAL * contact.MISSED <= 30


@pytest.mark.parametrize(
    "error, clear",
    [
        (RuntimeError("[.../gloo/transport/tcp/pair.cc:534] Connection closed by peer [192.0.2.2]:5"), True),
        (dist.DistBackendError("NCCL communicator was aborted"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_errors_of_contact_are_told_from_others(monkeypatch, error, clear):
    monkeypatch.setattr(contact.distributed, "world_size", lambda: 2)
    with pytest.raises(ContactError if clear else RuntimeError) as found, clear_contact_errors():
        raise error
    assert isinstance(found.value, ContactError) == clear
    assert not clear or "another process of this run has ended" in str(found.value)
