// What Thunderbird trusts: authorities of the user's own, and exceptions for one server.

const database = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
const exceptions = Cc["@mozilla.org/security/certoverride;1"].getService(
  Ci.nsICertOverrideService
);
const component = Cc["@mozilla.org/psm;1"].getService(Ci.nsINSSComponent);

/** Trust these authorities (DER as base64) for servers, and none but the built-in ones besides. */
export function trust(roots) {
  forget();
  for (const root of roots) {
    database.addCertFromBase64(root, "C,,");
  }
}

/** Drop whatever was imported, and intermediates, which NSS keeps once it has seen them. */
export function forget() {
  for (const one of database.getCerts()) {
    if (!one.isBuiltInRoot) {
      database.deleteCertificate(one);
    }
  }
  component.clearSSLExternalAndInternalSessionCache();
}

/**
 * Let go of what a server that was refused has sent. Whatever script asks such a certificate for a
 * name, as Thunderbird's log does over POP3 and SMTP, has NSS keep it in memory and find it as an
 * issuer: a server without that intermediate would be trusted. What is imported is kept in memory no
 * longer, and what is deleted then is gone.
 */
export function letGo(chain) {
  for (const one of chain) {
    try {
      database.addCertFromBase64(one, ",,");
    } catch {
      // It is none that NSS can read: it could not keep it either.
    }
  }
  forget();
}

/** Drop every exception, permanent or not. */
export function clearExceptions() {
  exceptions.clearAllOverrides();
}

/** The exceptions that are stored, by host and port. */
export function stored() {
  return exceptions.getOverrides().map(one => ({ host: one.asciiHost, port: one.port }));
}
