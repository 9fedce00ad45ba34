"""A profile of Thunderbird's that asks nobody anything, and reaches nothing but loopback."""

import json
from collections.abc import Mapping
from pathlib import Path

type Value = bool | int | str

NOWHERE = "http://127.0.0.1:9/"  # nothing listens on "discard"

STEERED: Mapping[str, Value] = {
    "marionette.port": 0,  # any free one, which it prints
    "browser.dom.window.dump.enabled": True,  # how our scripts tell us what has happened
    "marionette.log.level": "Info",
}
# Without an account there is a wizard: so there is one for local folders, as everybody has.
ACCOUNT: Mapping[str, Value] = {
    "mail.accountmanager.accounts": "account1",
    "mail.accountmanager.localfoldersserver": "server1",
    "mail.account.account1.server": "server1",
    "mail.server.server1.hostname": "Local Folders",
    "mail.server.server1.name": "Local Folders",
    "mail.server.server1.type": "none",
    "mail.server.server1.userName": "nobody",
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.accounthub.enabled": False,
}
QUIET: Mapping[str, Value] = {
    "mail.rights.version": 1,
    "mail.shell.checkDefaultClient": False,
    "mail.spotlight.firstRunDone": True,
    "mail.winsearch.firstRunDone": True,
    "mailnews.start_page.enabled": False,
    "mail.biff.show_alert": False,
    "mail.biff.play_sound": False,
    "mail.inappnotifications.enabled": False,
    "mailnews.database.global.indexer.enabled": False,
    "mail.server.default.autosync_offline_stores": False,
    "mail.server.default.offline_download": False,
    "mail.compose.warned_about_customize_from": True,
    "mail.SpellCheckBeforeSend": False,
    "datareporting.policy.dataSubmissionPolicyBypassNotification": True,
    "browser.shell.checkDefaultBrowser": False,
    "browser.sessionstore.resume_from_crash": False,
    "toolkit.startup.max_resumed_crashes": -1,
    "ui.prefersReducedMotion": 1,
    # What a person sees is a notification of Thunderbird's own, and no desktop is needed for it.
    "alerts.useSystemBackend": False,
    # Buttons that wait, so that nobody presses them by mistake.
    "security.dialog_enable_delay": 0,
    "security.notification_enable_delay": 0,
    "security.warn_submit_secure_to_insecure": False,
    "intl.locale.requested": "en-US",
    "intl.regional_prefs.use_os_locales": False,
    "privacy.spoof_english": 0,
}
# No word to anybody about itself, no updates, no lists, no look at whether there is a network.
REMOTE: Mapping[str, Value] = {
    "app.update.disabledForTesting": True,
    "app.update.auto": False,
    "app.update.enabled": False,
    "app.donation.eoy.version.viewed": 999,
    "app.normandy.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.healthreport.uploadEnabled": False,
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.unified": False,
    "toolkit.telemetry.server": NOWHERE,
    "telemetry.fog.test.localhost_port": -1,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.safebrowsing.update.enabled": False,
    "browser.search.update": False,
    "browser.region.network.url": "",
    "browser.region.update.enabled": False,
    "extensions.update.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.systemAddon.update.url": NOWHERE,
    "extensions.update.url": NOWHERE,
    "extensions.blocklist.enabled": False,
    "services.settings.server": NOWHERE,
    "services.settings.poll_interval": 31536000,
    "security.remote_settings.crlite_filters.enabled": False,
    "security.remote_settings.intermediates.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.prefetch-next": False,
    "network.http.speculative-parallel-limit": 0,
    "network.trr.mode": 5,
    "network.manage-offline-status": False,
    "dom.push.enabled": False,
    "dom.push.connection.enabled": False,
    "mail.cloud_files.enabled": False,
    "mail.chat.enabled": False,
    "calendar.timezone.useSystemTimezone": True,
    "media.gmp-manager.updateEnabled": False,
    "media.gmp-manager.url": NOWHERE,
    "mailnews.auto_config_url": NOWHERE,
    "mailnews.mx_service_url": NOWHERE,
    "mail.provider.providerList": NOWHERE,
    "mail.inappnotifications.url": NOWHERE,
}
NETWORK: Mapping[str, Value] = {
    # With IPv6 a name of network.dns.localDomains would lead to ::1 as well.
    "network.dns.disableIPv6": True,
    # Whatever else it fetches goes to a proxy that is not there, and is not even looked up: its
    # settings server is asked whatever the preferences say. Mail does not go through it.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "mailnews.tcptimeout": 30,
}
PREFERENCES: Mapping[str, Value] = STEERED | ACCOUNT | QUIET | REMOTE | NETWORK  # type: ignore[operator]


def write(folder: Path) -> Path:
    """Make a profile in a folder; the profile's own folder."""
    profile = folder / "profile"
    profile.mkdir(mode=0o700)
    lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in PREFERENCES.items())
    (profile / "user.js").write_text("".join(lines), encoding="utf-8")
    return profile
