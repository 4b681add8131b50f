// Passkeys: asks the browser and fills the form. Without this file, or without passkeys in the
// browser, the forms stay hidden and everything else works.
"use strict";
(() => {
  if (!window.PublicKeyCredential || !navigator.credentials) return;
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const known = (list) => list.map((id) => ({ type: "public-key", id: bytes(id) }));

  const create = async (o, fill) => {
    const made = await navigator.credentials.create({ publicKey: {
      challenge: bytes(o.challenge),
      rp: { id: o.rpId, name: o.rpName },
      user: { id: bytes(o.userId), name: o.userName, displayName: o.userName },
      pubKeyCredParams: o.algorithms.map((alg) => ({ type: "public-key", alg })),
      excludeCredentials: known(o.credentials),
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
      attestation: "none",
      timeout: 300000,
    } });
    fill("client_data", made.response.clientDataJSON);
    fill("attestation", made.response.attestationObject);
  };
  const get = async (o, fill) => {
    const made = await navigator.credentials.get({ publicKey: {
      challenge: bytes(o.challenge),
      rpId: o.rpId,
      allowCredentials: known(o.credentials),
      userVerification: "required",
      timeout: 300000,
    } });
    fill("credential", made.rawId);
    fill("client_data", made.response.clientDataJSON);
    fill("authenticator_data", made.response.authenticatorData);
    fill("signature", made.response.signature);
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const options = JSON.parse(form.dataset.options);
    (form.closest("[data-passkey-block]") || form).hidden = false;
    const words = form.querySelector("[data-passkey-error]");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      const button = form.querySelector("button[type=submit]");
      button.disabled = true;
      words.hidden = true;
      try {
        form.elements.challenge.value = options.challenge;
        const fill = (name, buffer) => { form.elements[name].value = text(buffer); };
        await (form.dataset.passkey === "create" ? create : get)(options, fill);
        form.submit();
      } catch (error) {
        words.textContent = error.name === "InvalidStateError"
          ? "この端末のパスキーは、すでに登録されています。"
          : "パスキーを使えませんでした。取り消されたか、時間が過ぎました。もう一度お試しください。";
        words.hidden = false;
        button.disabled = false;
      }
    });
  }
})();
