"""Settings: everything that is wrong is said at once, and nothing secret is ever said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pitchey_ops import settings as settings_module
from pitchey_ops.errors import ConfigError
from pitchey_ops.settings import RUN_VARIABLE, SECRET_FIELDS, SERVICES, Settings, load

ROOT = Path(__file__).parents[1]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project folder with an empty file of settings for the sandbox."""
    folder = tmp_path / "home"
    (folder / "parameters" / "environments").mkdir(parents=True)
    monkeypatch.setenv("PITCHEY_OPS_HOME", str(folder))
    write(folder, "")
    return folder


def write(home: Path, text: str | bytes, environment: str = "sandbox") -> None:
    """Write the file of settings."""
    path = home / "parameters" / "environments" / f"{environment}.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def faults(environment: str | None = None) -> ConfigError:
    """Return the error that loading raises."""
    with pytest.raises(ConfigError) as caught:
        load(environment)
    return caught.value


def test_all_faults_are_reported_at_once_with_place_and_expected_value(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One fault a try would take a responder ten tries."""
    write(
        home,
        """
        budget_s: soon
        api_url: pitchey.example
        logs_url: http://u:p@host.example
        thresholds: {error_share: 5, p95_ms: -1, p99: 7, error_shar: 1}
        memory_limit_mb: 1
        own_networks: [203.0.113.300]
        redact_emails: maybe
        servces: [auth]
        log_timeout_s: 3
        apm_token: abc
        environment: production
        """,
    )
    monkeypatch.setenv("PITCHEY_OPS_READ_TIMEOUT_S", "-3")
    error = faults()
    lines = {fault.split(":")[0]: fault for fault in error.faults}

    assert set(lines) == {
        "budget_s",
        "api_url",
        "logs_url",
        "thresholds.error_share",
        "thresholds.p95_ms",
        "thresholds.p99",
        "thresholds.error_shar",
        "memory_limit_mb",
        "own_networks",
        "redact_emails",
        "servces",
        "log_timeout_s",
        "apm_token",
        "environment",
        "read_timeout_s",
    }
    assert "sandbox.yaml" in str(error)
    assert "expected an address such as https://" in lines["api_url"]
    assert "use the *_token setting" in lines["logs_url"]
    assert "less than 1" in lines["thresholds.error_share"]
    assert "expected a network such as" in lines["own_networks"]
    assert "'keep' or 'hash'" in lines["redact_emails"]
    assert "did you mean services?" in lines["servces"]
    assert "did you mean thresholds.error_share?" in lines["thresholds.error_shar"]
    assert "did you mean logs_timeout_s?" in lines["log_timeout_s"]
    assert "set PITCHEY_OPS_APM_TOKEN instead" in lines["apm_token"]
    assert all(str(error).count(fault) == 1 for fault in error.faults)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("api_url: [", ["line 1", "is not YAML"]),
        ("a: 1\n b: 2", ["line 2", "is not YAML"]),
        ("- api_url", ["mapping of setting names"]),
        ("just text", ["mapping of setting names"]),
        ("1: 2", ["mapping of setting names"]),
        (b"\xff\xfe\x00", ["not UTF-8"]),
        ("a: \x00", ["is not YAML"]),
        ("!!python/object/apply:os.system ['touch /nowhere']", ["is not YAML"]),
    ],
)
def test_a_file_that_cannot_be_read_says_where(home: Path, text: str | bytes, words: list[str]) -> None:
    """The line is what a person needs to mend it; no text of the file runs."""
    write(home, text)
    error = str(faults())

    assert all(word in error for word in ["sandbox.yaml", *words])


def test_a_missing_file_and_an_unknown_environment_say_so(home: Path) -> None:
    """Wrong folder, wrong name: what, where, what is expected."""
    assert "staging.yaml" in str(faults("staging"))
    assert "cannot be read" in str(faults("staging"))
    for name in ("prod", "../sandbox", "sandbox\x00", "SANDBOX"):
        assert "expected one of sandbox, staging, production" in str(faults(name))


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_service_can_be_pointed_elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    """The same program runs against hosts that nobody thought of."""
    write(home, f"origin: http://127.0.0.1:1\n{service}_url: http://file.example")
    assert load().url(service) == "http://file.example/"

    monkeypatch.setenv(f"PITCHEY_OPS_{service.upper()}_URL", "https://env.example:8443/base")
    settings = load()

    assert settings.url(service) == "https://env.example:8443/base/"
    assert ("https", "env.example", 8443) in settings.hosts()
    assert all(
        settings.url(other) == "http://127.0.0.1:1" + path for other, path in SERVICES.items() if other != service
    )


def test_a_source_without_address_is_not_configured(home: Path) -> None:
    """Without an origin nothing is asked anywhere."""
    settings = load()

    assert [settings.url(service) for service in SERVICES] == [None] * len(SERVICES)
    assert settings.hosts() == frozenset()


@pytest.mark.parametrize("field", SECRET_FIELDS)
def test_no_secret_may_stand_in_a_file_and_none_is_ever_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    """Files are committed, and error messages are pasted."""
    secret = "postgresql://u:s3cr3t-9f8e7d@h/d" if field.endswith("_url") else "s3cr3t-9f8e7d"
    write(home, f"{field}: {secret}")
    assert f"PITCHEY_OPS_{field.upper()}" in str(faults())
    assert "s3cr3t" not in str(faults())

    write(home, "")
    monkeypatch.setenv(f"PITCHEY_OPS_{field.upper()}", secret)
    settings = load()
    shown = [repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()]
    shown += [json.dumps(settings.public()), repr(getattr(settings, field))]

    assert getattr(settings, field).get_secret_value() == secret
    assert not any("s3cr3t" in text for text in shown)
    assert settings.public()[field] == "set"
    assert "s3cr3t-9f8e7d" in settings.secrets()


@pytest.mark.parametrize("field", [name for name in SECRET_FIELDS if not name.endswith("_url")])
@pytest.mark.parametrize("value", ["s3cr3t\n next", "s3cr3t \u00fc", "s3cr3t\x00x", "s3cr3t\r\nx: y"])
def test_a_token_that_fits_no_header_is_refused_without_showing_it(field: str, value: str) -> None:
    """HTTP libraries print the header that they refuse, token and all."""
    with pytest.raises(ValidationError) as caught:
        Settings(**{field: value})

    assert field in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_white_space_around_a_token_is_a_habit_of_files(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """A mounted secret often ends in a line break; nothing at all is no token."""
    monkeypatch.setenv("PITCHEY_OPS_API_TOKEN", " abc-def \n")
    monkeypatch.setenv("PITCHEY_OPS_LOGS_TOKEN", " ")
    settings = load()

    assert settings.api_token is not None
    assert settings.api_token.get_secret_value() == "abc-def"
    assert (settings.logs_token, settings.token("logs")) == (None, None)


@pytest.mark.parametrize("url", ["mysql://u:s3cr3t@h/d", "h", "user=u password=s3cr3t", "http://[s3cr3t"])
def test_a_database_address_of_another_kind_is_refused_without_showing_it(url: str) -> None:
    """The driver's own message would quote it."""
    with pytest.raises(ValidationError) as caught:
        Settings(database_url=url)

    assert "postgresql://user:password@host" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_every_form_of_the_database_password_is_a_secret() -> None:
    """A driver may say it encoded or decoded, and it may stand in the parameters."""
    secrets = Settings(database_url="postgresql://u:p%40ss%2Fword@h/d?sslpassword=other%20one").secrets()

    assert {"p%40ss%2Fword", "p@ss/word", "other one"} <= set(secrets)


def test_a_variable_of_another_program_is_not_ours(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DATABASE_URL is what every web program calls its own; we would ask a stranger's database."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@h/d")
    monkeypatch.setenv("database_url", "postgresql://u:p@h/d")
    monkeypatch.setenv("ORIGIN", "http://elsewhere.example")
    settings = load()

    assert (settings.database_url, settings.origin) == (None, None)


def test_the_environment_that_was_asked_for_outranks_the_variable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of one environment and half of another would ask the wrong hosts."""
    write(home, "environment: staging\nlog_environment: staging", "staging")
    monkeypatch.setenv("PITCHEY_OPS_ENVIRONMENT", "production")
    settings = load("staging")

    assert (settings.environment, settings.log_environment) == ("staging", "staging")


def test_a_misspelt_variable_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be passed over in silence, and the run would ask the old host."""
    monkeypatch.setenv("PITCHEY_OPS_LOG_URL", "http://x.example")
    monkeypatch.setenv("PITCHEY_OPS_RUN", "/elsewhere")

    assert faults().faults == ("PITCHEY_OPS_LOG_URL: unknown variable; did you mean PITCHEY_OPS_LOGS_URL?",)


def test_lists_come_by_commas_and_mappings_as_json(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment variable is one text."""
    monkeypatch.setenv("PITCHEY_OPS_SERVICES", "auth, pitch,")
    monkeypatch.setenv("PITCHEY_OPS_THRESHOLDS__P95_MS", "1500")
    settings = load()
    assert (settings.services, settings.thresholds.p95_ms) == (("auth", "pitch"), 1500)

    monkeypatch.setenv("PITCHEY_OPS_CONTACTS", "not json")
    assert "contacts" in str(faults())
    assert "expected JSON" in str(faults())


@pytest.mark.parametrize("field", ["budget_s", "connect_timeout_s", "share_answers_s", "archive_time_s"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "", "1e999"])
def test_no_time_is_endless_negative_or_no_number(field: str, value: str) -> None:
    """A time-out of infinity is none."""
    with pytest.raises(ValidationError):
        Settings(**{field: value})


@pytest.mark.parametrize("value", ["", "."])
def test_the_archive_is_never_the_project_itself(value: str) -> None:
    """An empty variable would strew runs over the checkout."""
    with pytest.raises(ValidationError):
        Settings(archive=value)


def test_never_more_than_four_at_a_time() -> None:
    """The promise to the hosts is not a matter of settings."""
    with pytest.raises(ValidationError):
        Settings(concurrency_per_host=5)


@given(text=st.one_of(st.text(max_size=60), st.from_regex(r"https?://[^\s]{0,30}", fullmatch=True)))
def test_an_address_is_refused_or_usable(text: str) -> None:
    """Whatever is accepted is read alike by us and by the library that connects."""
    try:
        url = Settings(api_url=text).url("api")
    except ValidationError:
        return
    if url is None:
        assert text == ""
        return
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return  # refused at asking: it is not in the list of hosts
    assert url.endswith("/")
    assert parsed.scheme in ("http", "https")
    assert parsed.host
    assert not parsed.userinfo
    assert not parsed.query
    assert not parsed.fragment


@given(
    host=st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z0-9](\.[a-z]{2,6}){0,2}", fullmatch=True),
    port=st.one_of(st.none(), st.integers(1, 65535)),
    scheme=st.sampled_from(["http", "https"]),
    path=st.sampled_from(["", "/", "/api", "/a/b/"]),
)
def test_every_plain_address_is_accepted(host: str, port: int | None, scheme: str, path: str) -> None:
    """What people write must work, with and without port, path and last slash."""
    url = f"{scheme}://{host}{'' if port is None else f':{port}'}{path}"
    settings = Settings(logs_url=url)

    assert settings.url("logs") == url.rstrip("/") + "/"
    assert settings.hosts() == {(scheme, host, port or {"http": 80, "https": 443}[scheme])}


@pytest.mark.parametrize("name", ["sandbox", "staging", "production"])
def test_the_files_that_come_with_the_project_are_sound(name: str) -> None:
    """They are the first that anybody uses; every key of theirs is a setting and no secret."""
    text = (ROOT / "parameters" / "environments" / f"{name}.yaml").read_text()
    settings = load(name)

    assert settings.environment == name
    assert not set(yaml.safe_load(text)) & set(SECRET_FIELDS)
    assert settings.url("api") is not None


def test_a_fault_is_one_message_and_exit_code_2(home: Path, tmp_path: Path) -> None:
    """No traceback, nothing written."""
    write(home, "budget_s: soon\napi_urk: x")
    (home / "notebooks").symlink_to(ROOT / "notebooks")
    before = sorted(tmp_path.rglob("*"))
    command = [sys.executable, "-m", "pitchey_ops", "run", "outage"]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), timeout=60, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pitchey-ops: ")
    assert "Traceback" not in done.stderr
    assert "2 faults, nothing was done.\n  - " in done.stderr, "each fault has a line of its own"
    assert sorted(tmp_path.rglob("*")) == before


def test_what_a_run_records_of_its_settings_is_json(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands in the manifest; without it nobody knows what was asked and how carefully."""
    monkeypatch.setenv("PITCHEY_OPS_ORIGIN", "http://127.0.0.1:8787")
    kept: Any = json.loads(json.dumps(load().public()))

    assert kept["origin"] == "http://127.0.0.1:8787/"
    assert kept["thresholds"]["p95_ms"] == 2000
    assert set(kept) == set(Settings.model_fields)


def test_what_decides_about_settings_is_looked_at_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are kept between two looks; a new file, variable or secret must hold for the very next run."""
    folder = tmp_path / "parameters" / "environments"
    folder.mkdir(parents=True)
    file, secret = folder / "sandbox.yaml", tmp_path / "token"
    monkeypatch.setenv("PITCHEY_OPS_HOME", str(tmp_path))
    file.write_text("budget_s: 40\n", encoding="utf-8")
    secret.write_text("first", encoding="utf-8")
    monkeypatch.setenv("PITCHEY_OPS_SENTRY_TOKEN_FILE", str(secret))
    assert load() == load()
    assert load().budget_s == 40
    file.write_text("budget_s: 41\n", encoding="utf-8")
    assert load().budget_s == 41
    monkeypatch.setenv("PITCHEY_OPS_BUDGET_S", "42")
    assert load().budget_s == 42
    assert load(overrides={"archive": "elsewhere"}).archive == Path("elsewhere")
    assert load().secrets() == ("first",)
    secret.write_text("second", encoding="utf-8")
    assert load().secrets() == ("second",)
    monkeypatch.setenv("PITCHEY_OPS_THRESHOLDS__P95_MS", "7")
    assert load().thresholds.p95_ms == 7
    file.write_text("budget_s: none\n", encoding="utf-8")
    monkeypatch.delenv("PITCHEY_OPS_BUDGET_S")
    for _ in range(2):
        with pytest.raises(ConfigError, match="budget_s"):
            load()


def test_which_run_a_kernel_is_of_makes_no_settings_anew_and_any_setting_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading them again takes each kernel ten milliseconds; keeping what a variable changed would be wrong."""
    checked: list[str] = []
    real = settings_module._checked
    monkeypatch.setattr(settings_module, "_checked", lambda name, *rest: checked.append(name) or real(name, *rest))
    settings_module._again.cache_clear()
    load()
    monkeypatch.setenv(RUN_VARIABLE, "/tmp/one/run")
    load()
    assert len(checked) == 1
    monkeypatch.setenv("PITCHEY_OPS_BUDGET_S", "77")
    assert load().budget_s == 77
    assert len(checked) == 2
