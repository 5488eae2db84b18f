"""The settings file of a server: what it says, who may do what, and one line for what cannot be."""

import os

import pytest

from prospector_core.errors import SettingsError
from prospector_core.server import EDITOR, VIEWER, check_secrets, read_settings

GOOD = """
host = "0.0.0.0"
port = 8600
address = "https://prospector.example.org/prospector-app/"
studies = ["studies"]
data = ["slides"]

[proxy]
addresses = ["127.0.0.1", "10.1.0.0/24", "::1"]
user_header = "X-Remote-User"
groups_header = "X-Remote-Groups"
secret = "secret"

[[study]]
folder = "lymph-*"
viewers = ["*"]
editors = ["anna", "group:pathology"]

[[study]]
folder = "anna/private"
editors = ["anna"]
"""


@pytest.fixture
def write(tmp_path):
    (tmp_path / "studies").mkdir()
    (tmp_path / "slides").mkdir()

    def settings(text=GOOD, **replaced):
        for pair in replaced.values():
            text = text.replace(*pair)
        (tmp_path / "server.toml").write_text(text)
        return tmp_path / "server.toml"

    return settings


def test_what_it_says(write, tmp_path):
    """Paths are meant from the file's own folder.

    The record is beside the studies unless it is said otherwise.
    """
    settings = read_settings(write())
    assert (settings.host, settings.port, settings.base_path) == ("0.0.0.0", 8600, "prospector-app")
    assert (
        settings.address == "https://prospector.example.org/prospector-app"
        and settings.hostname == "prospector.example.org"
    )
    assert settings.studies == (tmp_path / "studies",) and settings.data == (tmp_path / "slides",)
    assert settings.record == tmp_path / "studies" / "record.sqlite"
    assert [str(network) for network in settings.proxy.addresses] == [
        "127.0.0.1/32",
        "10.1.0.0/24",
        "::1/128",
    ]
    assert settings.openid is None


def test_the_highest_role_counts_and_nobody_has_one_without_a_rule(write, tmp_path):
    settings, studies = read_settings(write()), tmp_path / "studies"
    role = settings.role_of
    assert role(studies / "lymph-1", "anna") == EDITOR
    assert role(studies / "lymph-1", "ben") == VIEWER
    assert role(studies / "lymph-1", "ben", ["pathology"]) == EDITOR
    assert role(studies / "anna" / "private", "anna") == EDITOR
    assert role(studies / "anna" / "private", "ben") is None
    assert role(studies / "other", "anna") is None
    assert role(studies / "lymph-1", "") is None  # nobody is not everyone


@pytest.mark.parametrize(
    "folder", ["lymph-1/inside", "x/lymph-1", "../lymph-1", "lymph-1/../other", "../../lymph-1", "."], ids=str
)
def test_a_star_ends_at_a_slash_and_no_path_leads_around_a_rule(write, tmp_path, folder):
    assert read_settings(write()).role_of(tmp_path / "studies" / folder, "anna") is None


def test_a_link_opens_nothing_that_lies_elsewhere(write, tmp_path):
    settings = read_settings(write())
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "studies" / "lymph-9")
    assert settings.role_of(tmp_path / "studies" / "lymph-9", "anna") is None


def test_nobody_becomes_a_group_or_everyone_by_name(write, tmp_path):
    """A person may be called anything: "group:pathology" at the login is not the group."""
    settings = read_settings(write(a=('viewers = ["*"]', "")))
    assert settings.role_of(tmp_path / "studies" / "lymph-1", "group:pathology") is None
    assert settings.role_of(tmp_path / "studies" / "lymph-1", "Anna") is None
    assert settings.role_of(tmp_path / "studies" / "lymph-1", "*") is None


BAD = {
    "not TOML": ("port = 8600", "port = ", "at line 3"),
    "unknown key": ("port = 8600", "prot = 8600", "line 3: prot"),
    "unknown key of a rule": ('editors = ["anna"]', 'editor = ["anna"]', "line 21: study.editor"),
    "port": ("8600", "86000", "line 3: port"),
    "port as text": ("8600", '"8600"', "line 3: port"),
    "host": ('"0.0.0.0"', '"hospital.example"', "line 2: host"),
    "base path": ("/prospector-app/", "/a/../b", "line 4: address"),
    "a query": ("/prospector-app/", "/?a=b", "line 4: address"),
    "not encrypted": ("https://", "http://", "line 4: address: must begin with https"),
    "no address of the app": ('address = "', 'adress = "', "line 4: adress"),
    "no secret on this machine": ('secret = "secret"', "", "line 8: proxy.secret"),
    "studies that are not there": ('["studies"]', '["studie"]', "line 5: studies"),
    "studies as text": ('["studies"]', '"studies"', "line 5: studies"),
    "no studies": ('studies = ["studies"]', "", "studies: name the folders"),
    "every address": ('"10.1.0.0/24"', '"0.0.0.0/0"', "line 9: proxy.addresses"),
    "no address": ('"10.1.0.0/24"', '"proxy"', "line 9: proxy.addresses"),
    "addresses left out": ('addresses = ["127.0.0.1", "10.1.0.0/24", "::1"]', "", "line 8: proxy.addresses"),
    "header": ('"X-Remote-User"', '"X Remote"', "line 10: proxy.user_header"),
    "a rule without folder": ('folder = "anna/private"', "", "line 19: study.folder"),
    "a rule with dots": ('"anna/private"', '"../private"', "line 20: study.folder"),
    "people as text": ('["*"]', '"anna"', "line 16: study.viewers"),
    "a pattern of people": ('["*"]', '["a*"]', "line 16: study.viewers"),
    "no way to log in": ("[proxy]", "[proxi]", "line 8: proxi"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_one_line_with_file_key_and_line(write, case):
    old, new, said = BAD[case]
    file = write(a=(old, new))
    with pytest.raises(SettingsError) as error:
        read_settings(file)
    assert "server.toml" in str(error.value) and said in str(error.value) and "\n" not in str(error.value)


def test_login_is_never_left_out_and_never_twice(write):
    proxy = GOOD[GOOD.index("[proxy]") : GOOD.index("[[study]]")]
    with pytest.raises(SettingsError, match=r"\[openid\], or a table \[proxy\]"):
        read_settings(write(a=(proxy, "")))
    with pytest.raises(SettingsError, match="not both"):
        read_settings(write(a=("[proxy]", '[openid]\nsecrets = "secrets.toml"\n[proxy]')))
    settings = read_settings(
        write(a=(proxy, '[openid]\nsecrets = "secrets.toml"\n[proxy]\naddresses = ["127.0.0.1"]\n'))
    )
    assert settings.openid.name == "email" and not settings.proxy.user_header
    with pytest.raises(SettingsError, match="line 8: openid.secrets"):
        read_settings(write(a=(proxy, '[openid]\nname = "email"\n')))


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"a = " + b"[" * 5000, b"\x00", None], ids=["utf16", "deep", "null", "none"]
)
def test_what_is_no_settings_file_is_one_line(tmp_path, content):
    if content is not None:
        (tmp_path / "server.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=r"server\.toml"):
        read_settings(tmp_path / "server.toml")


def test_rules_need_two_brackets(write):
    text = GOOD[: GOOD.index("[[study]]")] + '[study]\nfolder = "lymph-*"\n'
    with pytest.raises(SettingsError, match=r"line 14: study: must be a list .* two brackets"):
        read_settings(write(text))


SECRETS = """
[auth]
redirect_uri = "https://prospector.example.org/prospector-app/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "prospector"
client_secret = "secret"
server_metadata_url = "https://login.example.org/.well-known/openid-configuration"
"""


@pytest.mark.parametrize(
    ("old", "new", "mode", "said"),
    [
        ("", "", 0o640, None),
        ("", "", 0o644, "every account"),
        ("[auth]", "[other]", 0o600, r"section \[auth\]"),
        ('client_id = "prospector"', "", 0o600, "auth.client_id"),
        ("0123456789abcdef0123456789abcdef", "short", 0o600, "auth.cookie_secret"),
        ("prospector-app/oauth", "oauth", 0o600, "auth.redirect_uri"),
        ("https://login", "http://login", 0o600, "auth.server_metadata_url"),
        ("[auth]", "[auth", 0o600, "not TOML"),
    ],
)
def test_secrets_are_looked_at_before_the_start(write, tmp_path, old, new, mode, said):
    proxy = GOOD[GOOD.index("[proxy]") : GOOD.index("[[study]]")]
    settings = read_settings(write(a=(proxy, '[openid]\nsecrets = "secrets.toml"\n\n')))
    with pytest.raises(SettingsError, match=r"secrets\.toml"):
        check_secrets(settings)  # not there
    (tmp_path / "secrets.toml").write_text(SECRETS.replace(old, new))
    (tmp_path / "secrets.toml").chmod(mode)
    if said is None:
        check_secrets(settings)
    else:
        with pytest.raises(SettingsError, match=said) as error:
            check_secrets(settings)
        assert "secrets.toml" in str(error.value) and "secret =" not in str(error.value)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.0.0.7", "192.168.1.5", "::ffff:10.0.0.7", "hospital.example", ""]
)
def test_other_machines_are_let_in_by_no_option_alone(host, capsys):
    """Exit code 2, and one line that names both ways to log in."""
    from prospector_core.cli import main

    with pytest.raises(SystemExit) as left:
        main(["app", "--host", host, "--no-browser"])
    said = capsys.readouterr().err
    assert left.value.code == 2 and said.count("\n") == 1
    assert "[openid]" in said and "[proxy]" in said and "--settings" in said


def test_a_wrong_settings_file_is_one_line_at_the_start(write, capsys):
    from prospector_core.cli import main

    with pytest.raises(SystemExit) as left:
        main(["app", "--settings", str(write(a=("8600", "86000"))), "--no-browser"])
    said = capsys.readouterr().err
    assert left.value.code == 2 and said.count("\n") == 1 and "line 3: port" in said
