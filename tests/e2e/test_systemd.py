"""The agent started by systemd, with the unit in deploy/."""
import os
import shutil
import subprocess

import pytest
from conftest import PYFRAG, TOP

BOOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "boot_systemd.sh")
# Prints the metrics that the agent serves for a Python that starts after the agent, once they are
# not empty.
TRY = """
import subprocess, sys, time, urllib.request
text = ""
CODE = '''
import time
kept = []
while True:
    kept += [(one,) for one in range(10000)]
    time.sleep(0.1)
'''
with subprocess.Popen([sys.executable, "-c", CODE]) as one:
    for _ in range(200):
        time.sleep(0.1)
        try:
            with urllib.request.urlopen("http://127.0.0.1:9876/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            continue
        if sys.argv[2] in text:
            break
    one.kill()
with open(sys.argv[1], "w") as file:
    file.write(text)
"""


@pytest.mark.parametrize("options, wanted", [
    ("", 'user=\"somebody\"'),
    ("--sites 1 --alert-to exec:true", "pyfrag_site_pools{"),
], ids=["plain", "sites"])
def test_the_unit(tmp_path, options, wanted):
    if not os.path.exists("/lib/systemd/systemd"):
        pytest.skip("needs systemd: apt-get install systemd")
    units, programs = tmp_path / "files/etc/systemd/system", tmp_path / "files/usr/local/sbin"
    units.mkdir(parents=True)
    programs.mkdir(parents=True)
    with open(TOP + "/deploy/pyfrag-agent.service") as file:
        (units / "pyfrag-agent.service").write_text(
            file.read().replace(" --interval 15", " --interval 1 " + options))
    shutil.copy(PYFRAG, str(programs / "pyfrag"))
    (tmp_path / "try.py").write_text(TRY)
    (units / "try.target").write_text(
        "[Unit]\nWants=pyfrag-agent.service try.service dynamic.service\n")
    # A dynamic user that is in no file: systemd resolves its name.
    (units / "dynamic.service").write_text("""
[Service]
DynamicUser=yes
User=somebody
ExecStart=%s -c "import time; kept = [(one,) for one in range(100000)]; time.sleep(60)"
""" % shutil.which("python3", path="/usr/bin"))
    (units / "try.service").write_text("""
[Unit]
After=pyfrag-agent.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c "%(python)s %(path)s/try.py %(path)s/metrics '%(wanted)s'; \
ps -eo comm,user:20 > %(path)s/users; journalctl -b -u pyfrag-agent > %(path)s/log; \
systemctl show -p ActiveState,Result pyfrag-agent > %(path)s/state; \
systemctl stop pyfrag-agent; systemctl show -p Result pyfrag-agent >> %(path)s/state; \
systemctl poweroff -ff"
""" % {"python": shutil.which("python3", path="/usr/bin"), "path": tmp_path, "wanted": wanted})
    booted = subprocess.run(
        ["unshare", "--fork", "--pid", "--kill-child", "--mount", "--cgroup", "sh", BOOT,
         str(tmp_path), str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    said = booted.stdout.decode(errors="replace")
    if "all is mounted" not in said:
        pytest.skip("systemd cannot be booted here: " + said)
    metrics = (tmp_path / "metrics").read_text()
    assert 'pyfrag_processes{app="-c",user="root",unit="try.service"' in metrics, said
    assert "\npyfrag_read_errors_total 0\n" in metrics
    assert "\npyfrag_pythons_unreadable_total 0\n" in metrics
    assert wanted.replace("\\", "") in metrics
    users = dict(line.split() for line in (tmp_path / "users").read_text().splitlines()
                 if line.startswith("pyfrag"))
    expected = {"pyfrag", "pyfrag-reader", "pyfrag-broker",
                "pyfrag-namer"} | ({"pyfrag-keeper", "pyfrag-runner"} if options else set())
    assert users == dict.fromkeys(expected, "pyfrag")
    # BPF is permitted, and the agent runs until it is stopped and exits cleanly.
    assert "pyfrag searches /proc at each interval instead" not in (tmp_path / "log").read_text()
    assert (tmp_path / "state").read_text().split() == ["Result=success", "ActiveState=active",
                                                        "Result=success"]
