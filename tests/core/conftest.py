"""Fixtures of tests of the core."""

import urllib.request

import pytest


@pytest.fixture(scope="module")
def s3():
    """Address of a bucket on a server of its own."""
    server = pytest.importorskip("moto.server", reason="needs moto[server], of requirements-test.txt")
    s3fs = pytest.importorskip("s3fs", reason="needs s3fs: pip install 'prospector-heads[s3]'")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setattr("prospector_core.store.remote._FRESH", 0.0)
        # Another module's server has ended, but is still spoken to by what s3fs keeps, and its buckets are
        # kept by moto.
        s3fs.S3FileSystem.clear_instance_cache()
        urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"").close()
        s3fs.S3FileSystem().mkdir("slides")
        yield "s3://slides/a study"
    running.stop()
