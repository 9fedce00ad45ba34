import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManagerFactory;

/**
 * JavaMail and Jakarta Mail, which differ in the name of their package only: java Mail.java PACKAGE
 * CHECKSERVERIDENTITY. Cells on standard input, verdicts on standard output, a line of JSON each.
 */
public class Mail {
    static final Pattern FIELD = Pattern.compile("\"(\\w+)\": (?:(\\d+)|\"((?:[^\"\\\\]|\\\\.)*)\")");
    static final Pattern REFUSED =
        Pattern.compile("(?m)^(?:\\w+ )?(?:STARTTLS|STLS)\\s+(?:[^ *]+ (?:NO|BAD)|[45]\\d\\d|-ERR)\\b");
    static String library;
    static ByteArrayOutputStream dialogue;

    public static void main(String[] told) throws Exception {
        library = told[0];
        BufferedReader cells = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = cells.readLine(); line != null; line = cells.readLine()) {
            Map<String, String> cell = parsed(line);
            dialogue = new ByteArrayOutputStream();
            String verdict = "accept";
            String detail = "";
            try {
                work(cell, told[1]);
            } catch (Throwable error) {
                boolean refused = REFUSED.matcher(dialogue.toString(StandardCharsets.UTF_8)).find();
                detail = words(error) + (refused ? "; STARTTLS was refused" : "");
                verdict = verdict(error, detail);
            }
            System.out.println("{\"id\": " + cell.get("id") + ", \"verdict\": \"" + verdict
                + "\", \"detail\": " + quoted(detail) + "}");
            System.out.flush();
        }
    }

    static void work(Map<String, String> cell, String identity) throws Throwable {
        String protocol = cell.get("protocol");
        boolean implicit = cell.get("tls").equals("implicit");
        String scheme = implicit ? protocol + "s" : protocol;
        String place = "mail." + scheme + ".";
        String patience = cell.get("patience") + "000";
        Properties orders = new Properties();
        orders.put(place + "ssl.socketFactory", trusting(cell.get("root")).getSocketFactory());
        // It would try again with the JDK's own roots: a second session, and another reason.
        orders.put(place + "socketFactory.fallback", "false");
        orders.put(place + "ssl.checkserveridentity", identity);
        orders.put(place + "starttls.enable", String.valueOf(!implicit));
        orders.put(place + "starttls.required", String.valueOf(!implicit));
        orders.put(place + "connectiontimeout", patience);
        orders.put(place + "timeout", patience);
        orders.put(place + "auth", "true");
        if (!cell.get("pin").isEmpty()) {
            orders.put(place + "ssl.protocols", cell.get("pin").replace('_', '.'));
        }
        Object session = make("Session", "getInstance", orders);
        call(session, "setDebugOut", new PrintStream(dialogue, true, StandardCharsets.UTF_8));
        call(session, "setDebug", true);
        Object[] who = {cell.get("name"), Integer.valueOf(cell.get("port")), cell.get("user"), cell.get("password")};
        if (protocol.equals("smtp")) {
            Object mail = type("internet.MimeMessage").getConstructor(type("Session")).newInstance(session);
            call(mail, "setFrom", cell.get("user"));
            call(mail, "setSubject", "mitmail");
            call(mail, "setText", "sent by " + library);
            Object to = make("internet.InternetAddress", "parse", cell.get("user"));
            Object transport = call(session, "getTransport", scheme);
            call(transport, "connect", who);
            call(transport, "sendMessage", mail, to);
            call(transport, "close");
        } else {
            Object store = call(session, "getStore", scheme);
            call(store, "connect", who);
            Object inbox = call(store, "getFolder", "INBOX");
            call(inbox, "open", 1);
            call(call(inbox, "getMessage", 1), "getSubject");
            call(inbox, "close", false);
            call(store, "close");
        }
    }

    static SSLContext trusting(String root) throws Exception {
        KeyStore roots = KeyStore.getInstance(KeyStore.getDefaultType());
        roots.load(null, null);
        try (FileInputStream file = new FileInputStream(root)) {
            int number = 0;
            for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
                roots.setCertificateEntry("root" + number++, one);
            }
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(roots);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    /** A refusal is an error of TLS, or the library's own word; the other side's end is neither. */
    static String verdict(Throwable error, String detail) {
        for (Throwable one = error; one != null; one = next(one)) {
            String said = String.valueOf(one.getMessage());
            if (one instanceof SSLException && !said.matches("(?s).*(terminated the handshake|[Ee]OF|closed|[Rr]eset|timed out|[Bb]roken pipe|readHandshakeRecord).*")) {
                return "reject";
            }
        }
        boolean own = detail.contains("STARTTLS is required") || detail.contains("STLS required")
            || detail.contains("STARTTLS was refused") || detail.contains("verify identity of server");
        return own ? "reject" : "error";
    }

    static String words(Throwable error) {
        StringBuilder said = new StringBuilder();
        for (Throwable one = error; one != null; one = next(one)) {
            said.append(said.length() == 0 ? "" : "; ").append(one);
        }
        return said.toString();
    }

    static Throwable next(Throwable error) {
        return error.getCause() == error ? null : error.getCause();
    }

    static Class<?> type(String name) throws ClassNotFoundException {
        return Class.forName(library + "." + name);
    }

    static Object call(Object on, String name, Object... said) throws Throwable {
        return invoked(on.getClass(), on, name, said);
    }

    static Object make(String type, String name, Object... said) throws Throwable {
        return invoked(type(type), null, name, said);
    }

    /** Calls the public method of this name that takes these values. */
    static Object invoked(Class<?> type, Object on, String name, Object... said) throws Throwable {
        for (Method method : type.getMethods()) {
            if (method.getName().equals(name) && takes(method.getParameterTypes(), said)) {
                try {
                    return method.invoke(on, said);
                } catch (InvocationTargetException wrapped) {
                    throw wrapped.getCause();
                }
            }
        }
        throw new NoSuchMethodException(type + "." + name);
    }

    static boolean takes(Class<?>[] wanted, Object[] said) {
        boolean fits = wanted.length == said.length;
        for (int i = 0; fits && i < said.length; i++) {
            Class<?> one = wanted[i] == int.class ? Integer.class : wanted[i] == boolean.class ? Boolean.class : wanted[i];
            fits = one.isInstance(said[i]);
        }
        return fits;
    }

    static Map<String, String> parsed(String line) {
        Map<String, String> cell = new HashMap<>();
        for (Matcher field = FIELD.matcher(line); field.find();) {
            cell.put(field.group(1), field.group(2) != null ? field.group(2) : plain(field.group(3)));
        }
        return cell;
    }

    static String plain(String quoted) {
        Matcher escape = Pattern.compile("\\\\(?:u([0-9a-f]{4})|(.))").matcher(quoted);
        return escape.replaceAll(found -> Matcher.quoteReplacement(
            found.group(1) == null ? found.group(2) : String.valueOf((char) Integer.parseInt(found.group(1), 16))));
    }

    static String quoted(String text) {
        StringBuilder said = new StringBuilder("\"");
        for (char one : text.toCharArray()) {
            boolean plain = one >= ' ' && one < 127 && one != '"' && one != '\\';
            said.append(plain ? String.valueOf(one) : String.format("\\u%04x", (int) one));
        }
        return said.append('"').toString();
    }
}
