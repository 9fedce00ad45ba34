// What became of a connection, by the names that Thunderbird's own code has for it.

const errors = Cc["@mozilla.org/nss_errors_service;1"].getService(Ci.nsINSSErrorsService);
const CATEGORIES = {
  [Ci.nsITransportSecurityInfo.ERROR_TRUST]: "trust",
  [Ci.nsITransportSecurityInfo.ERROR_DOMAIN]: "domain",
  [Ci.nsITransportSecurityInfo.ERROR_TIME]: "time",
};

/** The outcome that a security info names: NSPR's own errors (PR_...) are those of the network. */
export function named(security) {
  const name = security.errorCodeString;
  if (name.startsWith("PR_")) {
    return { error: name };
  }
  const category = CATEGORIES[security.overridableErrorCategory] ?? null;
  return { error: name, nss: name, overridable: category !== null, category, security };
}

/** The outcome by a status, and the security info of what failed, where there is one. */
export function stopped(status, security) {
  if (Components.isSuccessCode(status)) {
    return { done: true };
  }
  if (security?.errorCodeString) {
    return named(security);
  }
  const word = Object.keys(Cr).find(key => Cr[key] == status);
  return { error: word ?? `0x${status.toString(16)}` };
}

/** Whether a status says that a certificate is bad, by the class that NSS' errors have. */
export function isBadCertificate(status) {
  try {
    return errors.getErrorClass(status) == Ci.nsINSSErrorsService.ERROR_CLASS_BAD_CERT;
  } catch {
    return false; // it is none of NSS'
  }
}

/** Whether a status says that a person may make an exception. */
export function isOverridable(status) {
  try {
    return errors.isErrorOverridable(status);
  } catch {
    return false;
  }
}
