"""The key of a machine: the same for the same, another where instructions are forbidden."""

from artpipe.system.machine import machine_key


def test_a_machine_has_one_key(monkeypatch):
    """It stays, and differs where torch may not use all instructions."""
    keys = []
    for limit in ("", "", "avx2"):
        monkeypatch.setenv("ATEN_CPU_CAPABILITY", limit)
        machine_key.cache_clear()
        keys.append(machine_key())
    machine_key.cache_clear()
    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) == 16
