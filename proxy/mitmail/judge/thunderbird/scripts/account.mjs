// An account for one check: it is new each time, and gone afterwards, unless it is to stay.

import { MailServices } from "resource:///modules/MailServices.sys.mjs";

const MODES = {
  implicit: Ci.nsMsgSocketType.SSL,
  // "STARTTLS" in the settings: never without it.
  starttls: Ci.nsMsgSocketType.alwaysSTARTTLS,
  plain: Ci.nsMsgSocketType.plain,
};
const GONE = 3000; // milliseconds
let staying = null;

/** The account that a job describes: the one that stayed if it is the same, or a new one. */
export function accountFor(job) {
  const what = JSON.stringify([job.protocol, job.name, job.port, job.tls, job.user]);
  if (staying?.what == what) {
    return staying;
  }
  if (staying) {
    remove(staying);
    staying = null;
  }
  return { what, ...open(job) };
}

/** What becomes of it after the job. */
export async function release(job, made) {
  staying = job.stay ? made : null;
  if (!job.stay) {
    remove(made);
    await gone(job.port);
  }
}

/** Wait for the last connection's end: while it lives, NSS knows the intermediates it was sent. */
async function gone(port) {
  const dashboard = Cc["@mozilla.org/network/dashboard;1"].getService(Ci.nsIDashboard);
  const limit = Date.now() + GONE;
  let left;
  do {
    const { sockets } = await new Promise(resolve => dashboard.requestSockets(resolve));
    left = sockets.some(one => one.port == port && one.active);
  } while (left && Date.now() < limit);
}

function open(job) {
  const accounts = MailServices.accounts;
  const identity = accounts.createIdentity();
  identity.email = job.user;
  identity.fullName = "mitmail";
  identity.doFcc = false;
  identity.composeHtml = false;
  const account = accounts.createAccount();
  account.addIdentity(identity);
  const made = { account, identity, incoming: null, outgoing: null };
  if (job.protocol == "smtp") {
    made.outgoing = outgoing(job);
    identity.smtpServerKey = made.outgoing.key;
    // An account that receives nothing is none to a compose window.
    account.incomingServer = accounts.createIncomingServer("outgoing", job.name, "none");
  } else {
    made.incoming = incoming(job);
    account.incomingServer = made.incoming;
  }
  return made;
}

function remove(made) {
  if (made.outgoing) {
    made.outgoing.closeCachedConnections();
    MailServices.outgoingServer.deleteServer(made.outgoing);
  }
  made.incoming?.closeCachedConnections();
  MailServices.accounts.removeAccount(made.account, true);
}

function incoming(job) {
  const server = MailServices.accounts.createIncomingServer(job.user, job.name, job.protocol);
  server.port = job.port;
  server.socketType = MODES[job.tls];
  server.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
  server.password = job.password;
  server.doBiff = false;
  server.loginAtStartUp = false;
  if (job.protocol == "imap") {
    // One connection a check: of two, both would be refused.
    server.QueryInterface(Ci.nsIImapIncomingServer).maximumConnectionsNumber = 1;
  } else {
    server.QueryInterface(Ci.nsIPop3IncomingServer).leaveMessagesOnServer = true;
  }
  return server;
}

function outgoing(job) {
  const server = MailServices.outgoingServer.createServer("smtp");
  server.QueryInterface(Ci.nsISmtpServer);
  server.hostname = job.name;
  server.port = job.port;
  server.socketType = MODES[job.tls];
  server.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
  server.username = job.user;
  server.password = job.password;
  return server;
}
