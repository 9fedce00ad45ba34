// One check of mail, or one mail sent: what Thunderbird itself says of it, and what it shows.

import { MailServices } from "resource:///modules/MailServices.sys.mjs";
import { setTimeout } from "resource://gre/modules/Timer.sys.mjs";
import { accountFor, release } from "resource://mitmail/account.mjs";
import { fetched } from "resource://mitmail/fetching.mjs";
import { composed, sent } from "resource://mitmail/sending.mjs";
import { Screen, answer } from "resource://mitmail/screen.mjs";
import { named } from "resource://mitmail/outcome.mjs";
import { clearExceptions, letGo, stored, trust } from "resource://mitmail/trust.mjs";

const SHOW = 8000; // milliseconds for a notification, or the dialog behind it

const TELL = 1000; // milliseconds for a prompt that may not come

/** Begin a check; its end is one line on standard output, behind the job's mark. */
export function begin(job) {
  check(job).then(
    said => dump(`${job.mark}${JSON.stringify(said)}\n`),
    error => dump(`${job.mark}${JSON.stringify({ broken: `${error}` })}\n`)
  );
}

async function check(job) {
  Services.prefs.setStringPref("network.dns.localDomains", job.name);
  Services.prefs.setIntPref("mailnews.tcptimeout", job.patience);
  if (!job.keep) {
    clearExceptions();
  }
  trust(job.roots);
  const screen = new Screen(job.frame, job.picture);
  const made = accountFor(job);
  let chain = [];
  try {
    const said = await settled(job, made, screen);
    if (said.security && !said.silent) {
      await shown(job, made, said, screen);
    } else if (said.error && job.protocol == "pop3") {
      // It gives up first, and says why afterwards, if at all.
      await screen.first("prompt", TELL);
    }
    await screen.answered();
    const { security, ...rest } = said;
    // As octets: asked for its name, NSS would keep it.
    chain = (security?.handshakeCertificates ?? []).map(one => one.getBase64DERString());
    return {
      ...rest,
      chain,
      shown: screen.shown.map(({ window, ...one }) => one),
      exceptions: stored(),
      pictured: screen.pictured,
    };
  } finally {
    screen.end();
    await release(job, made);
    letGo(chain);
  }
}

/** The notification that is shown, the exception dialog behind it, and the button in it. */
async function shown(job, made, said, screen) {
  if (made.incoming) {
    const notification = await screen.first("notification", SHOW);
    if (!notification) {
      return;
    }
    if (!notification.clickable) {
      await screen.take(notification.window);
      return;
    }
    notification.window.document.documentElement.click();
  } else if (!said.overridable) {
    return;
  } else if (!job.compose) {
    // No window has sent it. A compose window, which has shown its alert, does this next.
    exceptionDialog(said.security, `${job.name}:${job.port}`);
  }
  const dialog = await screen.first("exception", SHOW);
  if (dialog) {
    await screen.take(dialog.window);
    answer(dialog, job.confirm);
  }
}

function exceptionDialog(securityInfo, location) {
  Services.wm
    .getMostRecentWindow("")
    .openDialog(
      "chrome://pippki/content/exceptionDialog.xhtml",
      "",
      "chrome,centerscreen,dependent",
      { exceptionAdded: false, securityInfo, prefetchCert: true, location }
    );
}

/** What became of it: `done`, or `error` with a name; `alerts` are what it would tell its user. */
async function settled(job, made, screen) {
  const feedback = new Feedback(job.port);
  MailServices.mailSession.addUserFeedbackListener(feedback);
  const way = made.incoming ? fetched : job.compose ? composed : sent;
  try {
    const said = await Promise.race([
      way(job, made, screen),
      // IMAP says a refusal to nobody else.
      feedback.refused,
      new Promise(resolve =>
        setTimeout(() => resolve({ error: "no answer in time" }), job.patience * 1000)
      ),
    ]);
    return { ...said, alerts: feedback.alerts };
  } finally {
    MailServices.mailSession.removeUserFeedbackListener(feedback);
  }
}

class Feedback {
  QueryInterface = ChromeUtils.generateQI(["nsIMsgUserFeedbackListener"]);
  alerts = [];

  constructor(port) {
    this.port = port;
    this.refused = new Promise(resolve => (this.resolve = resolve));
  }

  onAlert(message) {
    this.alerts.push(message);
    return false;
  }

  onCertError(security, url) {
    if (url.port == this.port) {
      this.resolve(named(security));
    }
  }
}
