// imapflow, as a program: node imapflow.mjs JSON. It answers as stdlib_client.py does.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { isIP } from "node:net";
import { answer, leave } from "./refusal.mjs";

const job = JSON.parse(process.argv[2]);
const { ImapFlow } = createRequire(job.packages + "/")(job.package);
const version = job.tls?.replace("_", ".");
const milliseconds = 1000 * job.patience;
const client = new ImapFlow({
  host: job.host,
  port: job.port,
  secure: job.implicit,
  ...(isIP(job.name) ? {} : { servername: job.name }),
  ...(job.implicit ? {} : { doSTARTTLS: true }),
  auth: { user: job.user, pass: job.password },
  logger: false,
  connectionTimeout: milliseconds,
  greetingTimeout: milliseconds,
  socketTimeout: milliseconds,
  tls: {
    ca: readFileSync(job.roots),
    ...(version ? { minVersion: version, maxVersion: version } : {}),
  },
});
client.on("error", () => {}); // without a listener Node ends at once; connect() tells the same
try {
  await client.connect();
  await client.mailboxOpen("INBOX");
  const mail = await client.fetchOne("1", { source: true });
  if (!mail?.source?.length) throw new Error("FETCH brought nothing");
  await client.logout();
  leave({ verdict: "accept", words: "" });
} catch (error) {
  leave(answer(error, error.message === "Server does not support STARTTLS"));
}
