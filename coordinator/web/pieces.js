// One piece of a tus upload, with progress; and which refusals are final.

import * as api from "./api.js";

/** PATCH `body` at `offset`. `moved(bytes)` tells how much of the body has left. Answers {offset, location}. */
export function sendPiece(url, offset, body, { moved, onStart }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PATCH", url);
    const headers = { "Tus-Resumable": "1.0.0", "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
    for (const [name, value] of Object.entries(api.headersFor("PATCH", headers))) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => moved(event.loaded);
    request.onload = () => (request.status === 204 ? resolve(read(request)) : reject(refused(request)));
    request.onerror = () => reject(new api.Unreachable());
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    onStart(() => request.abort());
    request.send(body);
  });
}

const read = (request) => ({
  offset: Number(request.getResponseHeader("Upload-Offset")),
  location: request.getResponseHeader("Content-Location"),
});

function refused(request) {
  let body = {};
  try {
    body = JSON.parse(request.responseText);
  } catch {
    // a proxy's page says nothing that we could read
  }
  const problem = new api.Problem(request.status, body);
  api.report(problem);
  return problem;
}

/** Whether a failure is the last word. Another writer, a wrong offset, an ended session, a busy or silent server are not. */
export function refusalOf(error) {
  if (!(error instanceof api.Problem)) return !(error instanceof api.Unreachable);
  const passing = [401, 404, 408, 409, 410, 423, 425, 429, 460];
  return error.status === 507 || (error.status < 500 && !passing.includes(error.status));
}
