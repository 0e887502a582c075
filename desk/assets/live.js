// The page of an open request follows it while it is open; without script the page loads itself again.
const followed = document.querySelector("[data-events]");
if (followed) {
  const source = new EventSource(followed.dataset.events);
  source.addEventListener("told", (event) => {
    const told = JSON.parse(event.data);
    const state = document.querySelector("#state");
    state.textContent = state.dataset.verdict = told.state;
    const output = document.querySelector("#output");
    output.textContent = told.output;
    output.scrollTop = output.scrollHeight;
  });
  source.addEventListener("ended", () => {
    source.close();
    location.reload();
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  });
}
