// Java's SSLSocket asks the targets of the standard input, with the "HTTPS" check of the name.
// -Dproof.provider=CLASS puts another provider of TLS and of certificate paths first.

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.security.Provider;
import java.security.Security;
import java.security.cert.CertPathValidatorException;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.Date;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.net.ssl.CertPathTrustManagerParameters;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

public class Ask {
    public static void main(String[] arguments) throws Exception {
        for (String provider : System.getProperty("proof.provider", "").split(",")) {
            if (!provider.isEmpty()) {
                Object made = Class.forName(provider).getDeclaredConstructor().newInstance();
                Security.insertProviderAt((Provider) made, 1);
            }
        }
        ExecutorService pool = Executors.newFixedThreadPool(4);
        BufferedReader input =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] parts = line.split("\t");
            pool.submit(() -> answer(parts));
        }
        pool.shutdown();
    }

    static void answer(String[] parts) {
        String said;
        try {
            said = ask(parts);
        } catch (Throwable error) {
            said = told("error", error);
        }
        synchronized (System.out) {
            System.out.println(parts[0] + "\t" + said);
            System.out.flush();
        }
    }

    static String ask(String[] parts) throws Exception {
        SSLContext context = trusting(parts[4], parts[5]);
        try (Socket plain = new Socket()) {
            int limit = (int) (1000 * Double.parseDouble(parts[6]));
            plain.connect(new InetSocketAddress(parts[1], Integer.parseInt(parts[2])), limit);
            plain.setSoTimeout(limit);
            return talk(context, plain, parts[3], Integer.parseInt(parts[2]));
        }
    }

    static String talk(SSLContext context, Socket plain, String name, int port) {
        try {
            SSLSocket tls =
                (SSLSocket) context.getSocketFactory().createSocket(plain, name, port, true);
            SSLParameters parameters = tls.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            tls.setSSLParameters(parameters);
            tls.startHandshake();
            tls.getOutputStream().write("a LOGOUT\r\n".getBytes(StandardCharsets.US_ASCII));
            byte[] heard = tls.getInputStream().readAllBytes();
            boolean answered = new String(heard, StandardCharsets.UTF_8).contains("a OK");
            return (answered ? "accept" : "reject") + "\t\t";
        } catch (SocketTimeoutException error) {
            return "silent\t\t";
        } catch (Throwable error) {
            return told("reject", error);
        }
    }

    static SSLContext trusting(String roots, String at) throws Exception {
        Set<TrustAnchor> anchors = new HashSet<>();
        try (InputStream file = new FileInputStream(roots)) {
            CertificateFactory factory = CertificateFactory.getInstance("X.509");
            for (Certificate root : factory.generateCertificates(file)) {
                anchors.add(new TrustAnchor((X509Certificate) root, null));
            }
        }
        PKIXBuilderParameters path = new PKIXBuilderParameters(anchors, new X509CertSelector());
        path.setRevocationEnabled(false);
        if (!at.equals("-")) {
            path.setDate(new Date(1000 * Long.parseLong(at)));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(new CertPathTrustManagerParameters(path));
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    // The codes are the reasons that a CertPathValidatorException gives (RFC 5280's words).
    static String told(String verdict, Throwable error) {
        StringBuilder code = new StringBuilder();
        StringBuilder text = new StringBuilder();
        for (Throwable one = error; one != null; one = one.getCause()) {
            if (one instanceof CertPathValidatorException) {
                code.append(((CertPathValidatorException) one).getReason()).append(' ');
            }
            text.append(one).append("; ");
        }
        String flat = text.toString().replaceAll("\\s+", " ");
        return verdict + "\t" + code.toString().trim() + "\t" + flat.trim();
    }
}
