// JavaMail, as a program: java Read.java PORT USER PASSWORD. It reads, changes, waits for mail.
import com.sun.mail.imap.IMAPFolder;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Properties;
import javax.mail.Flags;
import javax.mail.Folder;
import javax.mail.Message;
import javax.mail.Multipart;
import javax.mail.Part;
import javax.mail.Session;
import javax.mail.Store;
import javax.mail.event.MessageCountAdapter;
import javax.mail.event.MessageCountEvent;
import javax.mail.internet.ContentType;
import javax.mail.internet.MimeMessage;
import javax.mail.search.SubjectTerm;

public class Read {
  static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  static void say(Object... words) {
    StringBuilder line = new StringBuilder();
    for (Object word : words) line.append(line.length() == 0 ? "" : "\t").append(word);
    OUT.println(line);
  }

  static void leaves(int number, Part part) throws Exception {
    String type = new ContentType(part.getContentType()).getBaseType().toLowerCase();
    if (part.isMimeType("multipart/*")) {
      Multipart parts = (Multipart) part.getContent();
      for (int at = 0; at < parts.getCount(); at++) leaves(number, parts.getBodyPart(at));
    } else if (part.isMimeType("message/rfc822")) {
      leaves(number, (Part) part.getContent());
    } else {
      MessageDigest digest = MessageDigest.getInstance("SHA-1");
      try (InputStream octets = part.getInputStream()) {
        digest.update(octets.readAllBytes());
      }
      say("leaf", number, type, HexFormat.of().formatHex(digest.digest()));
    }
  }

  public static void main(String[] told) throws Exception {
    Properties settings = new Properties();
    settings.setProperty("mail.imap.timeout", "8000");
    settings.setProperty("mail.imap.fetchsize", "40"); // many partials
    Session session = Session.getInstance(settings);
    Store store = session.getStore("imap");
    store.connect("127.0.0.1", Integer.parseInt(told[0]), told[1], told[2]);
    for (Folder folder : store.getDefaultFolder().list("*"))
      say("folder", folder.getFullName(), String.join(" ", ((IMAPFolder) folder).getAttributes()));
    IMAPFolder inbox = (IMAPFolder) store.getFolder("INBOX");
    inbox.open(Folder.READ_WRITE);
    for (Message message : inbox.getMessages()) {
      say("message", message.getMessageNumber(), message.getSubject());
      leaves(message.getMessageNumber(), message);
    }
    for (Message message : inbox.search(new SubjectTerm("invoice")))
      say("found", message.getMessageNumber());
    inbox.getMessage(1).setFlags(new Flags("$Label"), true);
    inbox.getMessage(1).setFlag(Flags.Flag.FLAGGED, true);
    inbox.copyMessages(new Message[] {inbox.getMessage(2)}, store.getFolder("Trash"));
    byte[] mail = "Subject: appended\r\n\r\n.dot\r\nend\r\n".getBytes(StandardCharsets.US_ASCII);
    Message appended = new MimeMessage(session, new ByteArrayInputStream(mail));
    store.getFolder("Sent").appendMessages(new Message[] {appended});
    store.getFolder("Made").create(Folder.HOLDS_MESSAGES);
    inbox.addMessageCountListener(
        new MessageCountAdapter() {
          @Override
          public void messagesAdded(MessageCountEvent event) {
            say("new", event.getMessages()[0].getMessageNumber());
          }
        });
    say("waiting");
    inbox.idle(true);
    inbox.close(false);
    store.close();
  }
}
