// nodemailer, as a program: node nodemailer.mjs JSON. It answers as stdlib_client.py does.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { isIP } from "node:net";
import { answer, leave } from "./refusal.mjs";

const job = JSON.parse(process.argv[2]);
const { createTransport } = createRequire(job.packages + "/")(job.package);
const version = job.tls?.replace("_", ".");
const milliseconds = 1000 * job.patience;
const transport = createTransport({
  host: job.host,
  port: job.port,
  secure: job.implicit,
  requireTLS: !job.implicit,
  auth: { user: job.user, pass: job.password },
  connectionTimeout: milliseconds,
  greetingTimeout: milliseconds,
  socketTimeout: milliseconds,
  tls: {
    ca: readFileSync(job.roots),
    ...(isIP(job.name) ? {} : { servername: job.name }),
    ...(version ? { minVersion: version, maxVersion: version } : {}),
  },
});
const mail = { from: job.user, to: job.user, subject: "mitmail", text: "sent by nodemailer" };
try {
  await transport.sendMail(mail);
  leave({ verdict: "accept", words: "" });
} catch (error) {
  const starttls = error.code === "ETLS" && error.message.startsWith("Error upgrading connection");
  leave(answer(error, starttls));
}
