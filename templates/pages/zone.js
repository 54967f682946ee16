// Chooses the time zone that the browser has for a reader who has chosen none, and says so.
const select = document.querySelector("select[data-guess]");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const known = ({ value, dataset }) => value && (value === zone || dataset.also?.split(" ").includes(zone));
const guess = select && [...select.options].find(known);
if (guess) {
  guess.selected = true;
  document.getElementById("guessed").hidden = false;
}
