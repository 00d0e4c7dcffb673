// The camera and the frame of the photo page. Without this the page has a file to choose and three
// numbers to type, which do the same.

const RATIO = 531 / 413

function useCamera(form) {
  const part = form.querySelector('[data-camera-part]')
  const video = form.querySelector('video')
  const start = form.querySelector('[data-camera-start]')
  const take = form.querySelector('[data-camera-take]')
  const says = form.querySelector('[data-camera-says]')
  part.hidden = false
  start.addEventListener('click', async () => {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({
        video: { width: { ideal: 1920 }, facingMode: 'user' },
      })
    } catch {
      says.textContent = says.dataset.refused
      return
    }
    start.hidden = true
    video.hidden = false
  })
  video.addEventListener('loadeddata', () => {
    take.hidden = false
    take.focus()
  })
  take.addEventListener('click', () => {
    const picture = document.createElement('canvas')
    picture.width = video.videoWidth
    picture.height = video.videoHeight
    picture.getContext('2d').drawImage(video, 0, 0)
    for (const track of video.srcObject.getTracks()) track.stop()
    picture.toBlob((taken) => {
      const files = new DataTransfer()
      files.items.add(new File([taken], 'photo.jpg', { type: 'image/jpeg' }))
      form.querySelector('input[type=file]').files = files.files
      form.submit()
    }, 'image/jpeg', 0.92)
  })
}

function useFrame(crop) {
  const picture = crop.querySelector('[data-crop-picture]')
  const frame = crop.querySelector('[data-crop-frame]')
  const field = (name) => document.getElementById(name)
  const fields = ['across', 'down', 'size'].map(field)

  function room() {
    const size = Math.min(Math.max(Number(fields[2].value) || 100, 10), 100) / 100
    const wide = Math.min(picture.clientWidth, picture.clientHeight / RATIO) * size
    return {
      wide,
      tall: wide * RATIO,
      right: picture.clientWidth - wide,
      below: picture.clientHeight - wide * RATIO,
    }
  }

  function draw() {
    const { wide, tall, right, below } = room()
    frame.style.width = `${wide}px`
    frame.style.height = `${tall}px`
    frame.style.left = `${(right * (Number(fields[0].value) || 0)) / 100}px`
    frame.style.top = `${(below * (Number(fields[1].value) || 0)) / 100}px`
    frame.hidden = false
  }

  const share = (at, most) =>
    String(most > 0 ? Math.round((Math.min(Math.max(at, 0), most) / most) * 100) : 50)

  frame.addEventListener('pointerdown', (down) => {
    const left = frame.offsetLeft - down.clientX
    const top = frame.offsetTop - down.clientY
    frame.setPointerCapture(down.pointerId)
    frame.onpointermove = (move) => {
      const { right, below } = room()
      fields[0].value = share(left + move.clientX, right)
      fields[1].value = share(top + move.clientY, below)
      draw()
    }
    frame.onpointerup = () => (frame.onpointermove = null)
  })
  for (const each of fields) each.addEventListener('input', draw)
  window.addEventListener('resize', draw)
  document.querySelector('[data-crop-hint]').hidden = false
  if (picture.complete) draw()
  else picture.addEventListener('load', draw)
}

const form = document.querySelector('[data-camera]')
const crop = document.querySelector('[data-crop]')
if (form && navigator.mediaDevices) useCamera(form)
if (crop) useFrame(crop)
