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

/** Whether a chain names an authority as an issuer that is trusted. */
export function issuerTrusted(chain, roots) {
  const subjects = new Set(
    roots.map(root => database.constructX509FromBase64(root).subjectName)
  );
  return chain.some(one => subjects.has(one.issuerName));
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

/** Drop every exception, permanent or not. */
export function clearExceptions() {
  exceptions.clearAllOverrides();
}

/** The exceptions that are stored, by host and port. */
export function stored() {
  return exceptions.getOverrides().map(one => ({ host: one.asciiHost, port: one.port }));
}
