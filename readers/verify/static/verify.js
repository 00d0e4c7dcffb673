// The camera: a frame a few times a second goes to this machine's own server, until it finds a code.
// Nothing is kept. Without this the page takes text and pictures.

const WORDS = { yes: ['✓', 'Yes'], no: ['✕', 'No'], 'try-again': ['↻', 'Try again'] }
const PAUSE = 250
const SEARCHED = 1280

const area = document.querySelector('#camera')
const video = area.querySelector('video')
const button = area.querySelector('#look')
const trouble = area.querySelector('#trouble')
const answer = document.querySelector('#answer')
const canvas = document.createElement('canvas')

function show(told) {
  const [symbol, word] = WORDS[told.verdict]
  answer.dataset.verdict = told.verdict
  answer.querySelector('.symbol').textContent = symbol
  answer.querySelector('.word').textContent = word
  answer.querySelector('.line').textContent = told.title
  answer.querySelector('.advice').textContent = told.advice ?? ''
  answer.hidden = false
  document.title = `${word}: ${told.title} – Kent Card venue`
}

function frame() {
  const scale = Math.min(1, SEARCHED / Math.max(video.videoWidth, video.videoHeight))
  canvas.width = Math.round(video.videoWidth * scale)
  canvas.height = Math.round(video.videoHeight * scale)
  canvas.getContext('2d').drawImage(video, 0, 0, canvas.width, canvas.height)
  return new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.85))
}

async function search() {
  for (;;) {
    if (video.videoWidth) {
      const asked = await fetch('/frame', { method: 'POST', body: await frame() })
      const told = await asked.json()
      if (told.reason !== 'no-code') return told
    }
    await new Promise((done) => setTimeout(done, PAUSE))
  }
}

async function look() {
  button.disabled = true
  trouble.textContent = ''
  answer.hidden = true
  try {
    if (!video.srcObject) {
      video.srcObject = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: 'environment', width: { ideal: 1280 } },
      })
    }
    video.hidden = false
    await video.play()
    show(await search())
    video.pause()
  } catch (error) {
    trouble.textContent =
      error.name === 'NotAllowedError' || error.name === 'NotFoundError'
        ? 'There is no camera to use here. Use a picture or a scanner.'
        : 'The camera stopped. Start it again, or use a picture or a scanner.'
  } finally {
    button.disabled = false
    button.textContent = video.srcObject ? 'Check the next code' : 'Start the camera'
    if (!answer.hidden) answer.focus()
  }
}

if (navigator.mediaDevices?.getUserMedia) {
  area.hidden = false
  button.addEventListener('click', look)
}
// After a scanner typed a code the next one is typed too; the title of the page tells the answer.
if (!answer.hidden && location.pathname !== '/text') answer.focus()
else document.querySelector('#text').focus()
