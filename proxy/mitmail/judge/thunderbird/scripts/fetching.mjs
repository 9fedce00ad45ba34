// Get Messages, for one account.

import { TransportErrorUrlListener } from "resource:///modules/TransportErrorUrlListener.sys.mjs";
import { isBadCertificate, stopped } from "resource://mitmail/outcome.mjs";

/** Fetch what is new; the outcome. */
export function fetched(job, made) {
  const inbox = made.incoming.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
  const { msgWindow } = Services.wm.getMostRecentWindow("mail:3pane");
  // What Get Messages listens with: it notifies of a certificate that is refused over POP3.
  const ours = new TransportErrorUrlListener();
  return new Promise(resolve => {
    made.incoming.getNewMessages(inbox, msgWindow, {
      QueryInterface: ChromeUtils.generateQI(["nsIUrlListener"]),
      OnStartRunningUrl() {},
      OnStopRunningUrl(url, status) {
        ours.OnStopRunningUrl(url, status);
        // Of an error of another class, POP3 shows nothing at all.
        resolve({ ...stopped(status, failed(url)), silent: !isBadCertificate(status) });
      },
    });
  });
}

function failed(url) {
  try {
    return url.QueryInterface(Ci.nsIMsgMailNewsUrl).failedSecInfo;
  } catch {
    return null;
  }
}
