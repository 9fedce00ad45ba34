// A mail that is sent: without a window, or from a compose window as a person does it.

import { MailServices } from "resource:///modules/MailServices.sys.mjs";
import { MessageSend } from "resource:///modules/MessageSend.sys.mjs";
import { isOverridable, stopped } from "resource://mitmail/outcome.mjs";

/** Send the job's letter without a window; the outcome. */
export async function sent(job, made, screen) {
  const fields = fieldsOf(job);
  const file = Services.dirsvc.get("TmpD", Ci.nsIFile);
  file.append("mitmail.eml");
  await IOUtils.writeUTF8(file.path, job.letter);
  const sender = new Listening();
  try {
    await sender.sendMessageFile(
      made.identity, made.account.key, fields, file, true, false,
      Ci.nsIMsgSend.nsMsgDeliverNow, null, null, job.password
    );
  } catch (error) {
    sender.status ??= error.result ?? Cr.NS_ERROR_FAILURE;
  }
  // The alert that it shows is answered by now: it is modal.
  return stopped(sender.status ?? Cr.NS_ERROR_FAILURE, sender.security);
}

/** Thunderbird's own sender, which tells its listener of a refusal only if it can be overridden. */
class Listening extends MessageSend {
  async sendDeliveryCallback(uri, status, security, ...rest) {
    this.status = status;
    this.security = security;
    return super.sendDeliveryCallback(uri, status, security, ...rest);
  }
}

/** Send from a compose window, by its own command; the outcome. */
export async function composed(job, made, screen) {
  const params = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(
    Ci.nsIMsgComposeParams
  );
  params.type = Ci.nsIMsgCompType.New;
  params.format = Ci.nsIMsgCompFormat.PlainText;
  params.identity = made.identity;
  params.composeFields = fieldsOf(job);
  const opened = screen.composing();
  MailServices.compose.OpenComposeWindowWithParams(null, params);
  const window = await opened;
  return new Promise(resolve => {
    window.gMsgCompose.addMsgSendListener({
      QueryInterface: ChromeUtils.generateQI(["nsIMsgSendListener"]),
      onStartSending() {},
      onProgress() {},
      onStatus() {},
      onStopSending(id, status) {
        // Of what can be overridden it is told in a moment, with all there is to know.
        // Then it gives up what it was sending, which is no news.
        if (status != Cr.NS_ERROR_ABORT && !isOverridable(status)) {
          resolve(stopped(status, null));
        }
      },
      onGetDraftFolderURI() {},
      onSendNotPerformed: () => resolve({ error: "it was not sent" }),
      onTransportSecurityError: (id, status, security) => resolve(stopped(status, security)),
    });
    window.goDoCommand("cmd_sendNow");
  });
}

function fieldsOf(job) {
  const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(
    Ci.nsIMsgCompFields
  );
  fields.from = job.user;
  fields.to = job.user;
  fields.subject = "mitmail";
  fields.body = "sent by Thunderbird\r\n";
  return fields;
}
