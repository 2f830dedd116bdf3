// Puts what the server sends into the page: whole elements, in which it has escaped all that a model or program wrote.
// Without this script, a page shows the same when it is loaded again.

function merge(html, select = "body > *") {
  const list = document.querySelector("#log");
  const focused = document.activeElement?.id;
  const checked = [...document.querySelectorAll("#runs :checked")].map((box) => box.id);
  for (const found of new DOMParser().parseFromString(html, "text/html").querySelectorAll(select)) {
    const here = document.getElementById(found.id);
    if (!here && found.tagName === "LI") list?.append(found);
    else if (!here) continue;
    else if (!found.dataset.key || found.dataset.key !== here.dataset.key) here.replaceWith(found);
  }
  for (const id of checked) document.getElementById(id)?.setAttribute("checked", "");
  if (focused) document.getElementById(focused)?.focus();
}

function follow(list) {
  const source = new EventSource(`${list.dataset.stream}?after=${list.dataset.seq}`);
  const link = document.querySelector("#link");
  source.onopen = () => link.classList.remove("offline");
  source.onmessage = (event) => {
    const root = document.documentElement;
    const isAtEnd = root.scrollHeight - root.scrollTop - root.clientHeight < 120;
    list.dataset.seq = event.lastEventId;
    merge(event.data);
    if (isAtEnd) root.scrollTop = root.scrollHeight;
  };
  source.addEventListener("behind", () => location.reload());
  source.addEventListener("end", () => {
    source.close();
    setTimeout(follow, 2000, list); // somebody may resume the run
  });
  source.onerror = () => {
    link.classList.add("offline");
    if (source.readyState !== EventSource.CLOSED) return;
    load("/").catch(() => {});
    setTimeout(follow, 1000, list);
  };
}

// What the running program prints; the log has it when the program has ended.
function watchOutput(box) {
  const source = new EventSource(box.dataset.output);
  const show = (text) => {
    box.textContent = text;
    box.hidden = !text;
    box.scrollTop = box.scrollHeight;
  };
  source.onmessage = (event) => show(JSON.parse(event.data));
  source.addEventListener("end", () => {
    source.close();
    show("");
    setTimeout(watchOutput, 2000, box);
  });
  source.onerror = () => {
    show("");
    if (source.readyState === EventSource.CLOSED) setTimeout(watchOutput, 2000, box);
  };
}

// A page; who is no longer signed in is led to where one does.
async function load(url) {
  const response = await fetch(url, { headers: { Accept: "text/html" } });
  if (response.redirected) location.assign(response.url);
  return response;
}

async function look() {
  try {
    const response = await load(location.href);
    if (response.ok && !document.hidden) merge(await response.text(), "#runs");
  } catch {
    // The server is away: the next look may find it.
  }
}

const list = document.querySelector("#log[data-stream]");
if (list) follow(list);
const box = document.querySelector("#output");
if (box) watchOutput(box);
if (document.querySelector("#runs[data-live]")) setInterval(look, 2000);

// A form's fields go as JSON to the address that a program would use, too.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.method === "get") return;
  event.preventDefault();
  const button = event.submitter;
  const fields = new FormData(form, button);
  button.disabled = true;
  try {
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify(Object.fromEntries(fields));
    const response = await fetch(button.getAttribute("formaction") ?? form.action, { method: "POST", headers, body });
    const text = await response.text();
    const said = text ? JSON.parse(text) : {};
    if (!response.ok) form.querySelector("[role=alert]").textContent = `${said.what.replace(/\w$/, "$&.")} ${said.next}`;
    else if (form.dataset.next) location.assign(form.dataset.next + (said[form.dataset.value ?? "run_id"] ?? ""));
    else {
      form.reset();
      merge(await (await load(location.href)).text(), "main > [id]:not(#log)");
    }
  } catch (error) {
    form.querySelector("[role=alert]").textContent = `The server did not answer: ${error.message}`;
  } finally {
    button.disabled = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form?.querySelector("button").click();
});
