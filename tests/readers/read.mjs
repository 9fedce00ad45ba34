// imapflow, as a program: node read.mjs PORT USER PASSWORD FOLDER. It reads, changes, waits.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";

const [port, user, pass, folder] = process.argv.slice(2);
const { ImapFlow } = createRequire(folder + "/")("imapflow");
const say = (...words) => console.log(words.join("\t"));
const client = new ImapFlow({
  host: "127.0.0.1",
  port: Number(port),
  secure: false,
  doSTARTTLS: false,
  auth: { user, pass },
  logger: false,
  socketTimeout: 8000,
});

async function leaves(number, node) {
  if (node.childNodes) {
    for (const child of node.childNodes) await leaves(number, child);
    return;
  }
  const { content } = await client.download(String(number), node.part ?? "1");
  const digest = createHash("sha1");
  for await (const chunk of content) digest.update(chunk);
  say("leaf", number, node.type.toLowerCase(), digest.digest("hex"));
}

client.on("error", (error) => say("error", error.message));
await client.connect();
for (const found of await client.list()) say("folder", found.path, found.specialUse ?? "");
await client.mailboxOpen("INBOX");
const messages = [];
for await (const message of client.fetch("1:*", { envelope: true, bodyStructure: true }))
  messages.push(message);
for (const { seq, envelope, bodyStructure } of messages) {
  say("message", seq, envelope.subject);
  await leaves(seq, bodyStructure);
}
for (const number of await client.search({ subject: "invoice" })) say("found", number);
await client.messageFlagsAdd("1", ["\\Flagged", "$Label"]);
await client.messageCopy("2", "Trash");
await client.append("Sent", "Subject: appended\r\n\r\n.dot\r\nend\r\n");
await client.mailboxCreate("Made");
const arrived = new Promise((resolve) => client.once("exists", ({ count }) => resolve(count)));
say("waiting");
const idling = client.idle();
say("new", await arrived);
await client.logout();
await idling;
