// What became of a connection, by the names that Thunderbird's own code has for it.

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
