// What Thunderbird shows: notifications, prompts and the exception dialog, noted as they open.

import { MailServices } from "resource:///modules/MailServices.sys.mjs";
import { setTimeout } from "resource://gre/modules/Timer.sys.mjs";

const NOTIFICATION = "chrome://global/content/alerts/alert.xhtml";
const EXCEPTION = "chrome://pippki/content/exceptionDialog.xhtml";
const COMPOSE = "chrome://messenger/content/messengercompose/messengercompose.xhtml";
const PAINT = 500; // milliseconds: a window that is hidden is never painted
const TOPICS = ["common-dialog-loaded", "cert-exception-ui-ready"];

/** Show an empty folder: the page that greets a new user makes every picture three times larger. */
export function showNothing() {
  const window = Services.wm.getMostRecentWindow("mail:3pane");
  const folder = MailServices.accounts.localFoldersServer.rootFolder.subFolders[0];
  window.document.getElementById("tabmail").currentAbout3Pane.displayFolder(folder.URI);
}

/** Everything that opens during one check. */
export class Screen {
  shown = [];
  pictured = false;
  #frame;
  #copy;
  #waiting = [];
  #prompts = [];

  /** `frame` is the file in which the display keeps its picture, `copy` where to copy it. */
  constructor(frame, copy) {
    this.#frame = frame;
    this.#copy = copy;
    Services.ww.registerNotification(this);
    TOPICS.forEach(topic => Services.obs.addObserver(this, topic));
  }

  /** Close whatever is open, and note nothing more. */
  end() {
    for (const one of [...Services.ww.getWindowEnumerator()]) {
      if ([NOTIFICATION, EXCEPTION, COMPOSE].includes(one.location.href)) {
        one.close();
      }
    }
    Services.ww.unregisterNotification(this);
    TOPICS.forEach(topic => Services.obs.removeObserver(this, topic));
  }

  /** The first of a kind that is shown, or null when there is none after so many milliseconds. */
  first(kind, limit) {
    const found = this.shown.find(one => one.kind == kind);
    return found ?? Promise.race([
      new Promise(resolve => this.#waiting.push({ kind, resolve })),
      new Promise(resolve => setTimeout(() => resolve(null), limit)),
    ]);
  }

  /** Wait until every prompt so far is answered. */
  async answered() {
    await Promise.allSettled(this.#prompts);
  }

  /** The compose window that opens next, once it is ready. */
  composing() {
    return new Promise(resolve => (this.resolveComposing = resolve));
  }

  /** Its editor is there some time after the window. */
  #composes(window) {
    window.gMsgCompose.RegisterStateListener({
      QueryInterface: ChromeUtils.generateQI(["nsIMsgComposeStateListener"]),
      NotifyComposeFieldsReady() {},
      NotifyComposeBodyReady: () => this.resolveComposing?.(window),
      ComposeProcessDone() {},
      SaveInFolderDone() {},
    });
  }

  /** Take a picture of the whole display once a window is painted. */
  async take(window) {
    await Promise.race([painted(window), new Promise(resolve => setTimeout(resolve, PAINT))]);
    await IOUtils.copy(this.#frame, this.#copy);
    this.pictured = true;
  }

  observe(subject, topic) {
    if (topic == "domwindowopened") {
      // It is sent by a notification that can be clicked.
      subject.addEventListener("AlertActive", () => this.#note(notification(subject)), {
        once: true,
      });
      subject.addEventListener("compose-startup-done", () => this.#composes(subject), {
        once: true,
      });
    } else if (topic == "cert-exception-ui-ready") {
      exception(subject).then(one => this.#note(one));
    } else if (topic == "common-dialog-loaded") {
      this.#prompts.push(this.#prompt(subject));
    }
  }

  #note(one) {
    this.shown.push(one);
    for (const waiting of this.#waiting.filter(other => other.kind == one.kind)) {
      waiting.resolve(one);
    }
  }

  /** Nobody is there to answer: a question for a password is cancelled, all else is OK. */
  async #prompt(window) {
    const { args } = window.Dialog;
    const pressed = /password/i.test(args.promptType) ? "cancel" : "accept";
    const one = { kind: "prompt", title: args.title ?? "", texts: [args.text ?? ""], pressed };
    this.#note({ window, ...one });
    await this.take(window);
    window.document.getElementById("commonDialog").getButton(pressed).click();
  }
}

function notification(window) {
  const { document } = window;
  return {
    // Of a certificate, or of any other trouble with a server.
    kind: window.gAlertCookie.endsWith(" certError") ? "notification" : "alert",
    window,
    title: document.getElementById("alertTitleLabel").value,
    texts: [document.getElementById("alertTextLabel").textContent],
    clickable: document.getElementById("alertNotification").hasAttribute("clickable"),
  };
}

async function exception(window) {
  const { document } = window;
  const ids = ["headerDescription", "statusDescription", "statusLongDescription"];
  const lines = ids.map(id => document.getElementById(id));
  // It says that it is ready before its texts are there.
  while (!lines.every(line => line.textContent.trim())) {
    await frame(window);
  }
  return {
    kind: "exception",
    window,
    title: document.title,
    texts: lines.map(line => line.textContent.trim()),
    location: document.getElementById("locationTextBox").value,
    pressed: null,
  };
}

/** Press the dialog's own button: the one that confirms, for good or for now, or the other. */
export function answer(dialog, confirm) {
  const { document } = dialog.window;
  if (confirm) {
    document.getElementById("permanent").checked = confirm == "permanent";
  }
  const button = document
    .getElementById("exceptiondialog")
    .getButton(confirm ? "extra1" : "cancel");
  dialog.pressed = button.label;
  button.click();
}

async function painted(window) {
  await frame(window);
  await frame(window);
  if (window.windowUtils.isMozAfterPaintPending) {
    await new Promise(resolve =>
      window.addEventListener("MozAfterPaint", resolve, { once: true })
    );
  }
}

function frame(window) {
  return new Promise(resolve => window.requestAnimationFrame(resolve));
}
