"use strict";

/* Shows each picture the terminal sends, and plays its tones: two rising for yes, two low and
   falling for no, three alike for try again. */

const TONES = {
  "accepted": [[660, 0.12], [990, 0.2]],
  "refused": [[220, 0.22], [160, 0.35]],
  "try-again": [[440, 0.1], [440, 0.1], [440, 0.1]],
  "fault": [[300, 0.1], [300, 0.1]],
  "hold-card": [[520, 0.1]],
  "updated": [[520, 0.1], [660, 0.1], [880, 0.25]],
};
const PAUSE = 0.06;
const LOUDNESS = 0.25;
const PATIENCE_MS = 4000;
const LOST = {
  state: "fault",
  title: "This screen has lost its reader",
  advice: "Tell a member of staff. Your card is not the problem.",
};

const title = document.getElementById("title");
const advice = document.getElementById("advice");
const status = document.getElementById("status");
const pair = document.getElementById("pair");
const button = document.getElementById("sound");

let audio = null;
let sound = localStorage.getItem("sound") !== "off";
let shown = null;
let lost = null;

function play(state) {
  const tones = TONES[state];
  if (!sound || !tones) return;
  audio = audio || new AudioContext();
  audio.resume();
  let at = audio.currentTime + 0.01;
  for (const [pitch, length] of tones) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.type = state === "refused" ? "square" : "sine";
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(LOUDNESS, at + 0.01);
    volume.gain.setValueAtTime(LOUDNESS, at + length - 0.02);
    volume.gain.linearRampToValueAtTime(0, at + length);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + length);
    at += length + PAUSE;
  }
}

function edge(picture) {
  const waiting = picture.taps - picture.uploaded;
  const parts = [picture.online ? "Online" : "Offline: cards are still checked"];
  if (picture.list_is_old) parts.push("The list of lost cards is old: tell a member of staff");
  if (waiting > 0) parts.push(`${waiting} ${waiting === 1 ? "tap" : "taps"} to send`);
  return parts.join(" · ");
}

function show(picture) {
  const key = `${picture.state}|${picture.title}|${picture.advice}`;
  document.body.dataset.state = picture.state;
  if (key !== shown) {
    title.textContent = picture.title;
    advice.textContent = picture.advice;
  }
  if ("taps" in picture) status.textContent = edge(picture);
  pair.hidden = !picture.pairs;
  shown = key;
}

function listen() {
  const events = new EventSource("/events");
  let first = true;
  let before = null;
  events.onmessage = (event) => {
    clearTimeout(lost);
    lost = null;
    const picture = JSON.parse(event.data);
    show(picture);
    if (!first && picture.at !== before) play(picture.state);
    first = false;
    before = picture.at;
  };
  events.onerror = () => {
    lost = lost || setTimeout(() => show(LOST), PATIENCE_MS);
    if (events.readyState === EventSource.CLOSED) {
      events.close();
      setTimeout(listen, 1000);
    }
  };
}

function tell() {
  button.textContent = sound ? "Sound is on" : "Sound is off";
  button.setAttribute("aria-pressed", String(sound));
}

button.addEventListener("click", () => {
  sound = !sound;
  localStorage.setItem("sound", sound ? "on" : "off");
  tell();
  if (sound) play("accepted");
});

button.hidden = false;
tell();
listen();
