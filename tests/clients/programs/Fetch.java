import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Properties;
import javax.mail.Folder;
import javax.mail.Message;
import javax.mail.Multipart;
import javax.mail.Session;
import javax.mail.Store;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Fetches the INBOX with JavaMail, in pieces of 16 KiB as it does by default; JSON lines. */
public class Fetch {
    public static void main(String[] said) throws Exception {
        KeyStore roots = KeyStore.getInstance(KeyStore.getDefaultType());
        roots.load(null, null);
        try (FileInputStream file = new FileInputStream(said[4])) {
            int number = 0;
            for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
                roots.setCertificateEntry("root" + number++, one);
            }
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(roots);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        Properties orders = new Properties();
        orders.put("mail.imaps.ssl.socketFactory", context.getSocketFactory());
        orders.put("mail.imaps.timeout", "15000");
        Store store = Session.getInstance(orders).getStore("imaps");
        store.connect(said[0], Integer.parseInt(said[1]), said[2], said[3]);
        Folder folder = store.getFolder("INBOX");
        folder.open(Folder.READ_WRITE);
        for (Message message : folder.getMessages()) {
            ByteArrayOutputStream octets = new ByteArrayOutputStream();
            message.writeTo(octets);
            StringBuilder hex = new StringBuilder();
            for (byte octet : octets.toByteArray()) {
                hex.append(String.format("%02x", octet));
            }
            boolean many = message.isMimeType("multipart/*");
            int parts = many ? ((Multipart) message.getContent()).getCount() : 1;
            System.out.println(
                "{\"size\": " + message.getSize() + ", \"parts\": " + parts
                + ", \"mail\": \"" + hex + "\"}");
        }
        folder.close(false);
        store.close();
    }
}
