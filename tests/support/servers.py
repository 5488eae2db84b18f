"""A server as a department runs it.

`prospector app --settings`, with a provider of logins or nginx in front of it.
"""

import contextlib
import json
import os
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.browsers import ROOT, tracebacks

__all__ = ["NGINX", "answers", "certificate", "nginx", "people_provider", "serve_people"]

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def people_provider(people):
    """An OpenID provider on loopback that knows these people, {name: claims}: yields its address."""
    import oidc_provider_mock

    with oidc_provider_mock.run_server_in_thread() as running:
        address = f"http://localhost:{running.server_port}"
        for name, claims in people.items():
            body = json.dumps({"email": name, **claims}).encode()
            asked = urllib.request.Request(
                f"{address}/users/{name}", body, {"Content-Type": "application/json"}, method="PUT"
            )
            urllib.request.urlopen(asked, timeout=10).close()
        yield address


@contextlib.contextmanager
def serve_people(study, settings, port, *arguments):
    """`prospector app STUDY --settings`.

    Yields the process once it answers; no traceback may stand in what it printed.
    """
    log = Path(settings).with_name("log.txt")
    command = [
        sys.executable,
        "-m",
        "prospector_core",
        "app",
        str(study),
        "--settings",
        str(settings),
        *arguments,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for name in ("PROSPECTOR_STUDY", "PROSPECTOR_STUDIES", "PROSPECTOR_AUTHOR"):
        environment.pop(name, None)
    with (
        open(log, "wb") as out,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out) as app,
    ):
        try:
            _wait(lambda: answers(f"http://127.0.0.1:{port}/"), app, log)
            yield app
        finally:
            app.terminate()
    wrong = tracebacks(log.read_text())
    assert not wrong, wrong[-1][-2000:]


@contextlib.contextmanager
def nginx(site, folder, port):
    """Nginx with one site of its own, everything it writes below ``folder``: yields once it answers."""
    folder.mkdir(exist_ok=True)
    places = "".join(
        f"    {what}_temp_path {folder}/{what};\n"
        for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\n    access_log off;\n{places}{site}\n}}\n"
    )
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with open(folder / "out.txt", "wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as running:
        try:
            _wait(lambda: answers(f"https://localhost:{port}/"), running, folder / "out.txt")
            yield
        finally:
            running.terminate()


def certificate(folder):
    """A certificate for localhost that nobody but the test trusts: (certificate, key), both files."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=localhost")
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "server.pem", folder / "server.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    return files


def answers(address, **headers):
    """Status that an address answers a request with, whatever it is; None if nobody does."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    direct = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusting), _Still()
    )
    try:
        with direct.open(urllib.request.Request(address, headers=headers), timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except (TimeoutError, OSError):
        return None


class _Still(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def _wait(there, process, log):
    for _ in range(900):
        if there() is not None:
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError("it did not start: " + Path(log).read_text()[-1500:])
