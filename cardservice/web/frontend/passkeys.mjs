// Forms that a passkey fills in. They are hidden until the browser says it can.
// `data-passkey` is "create" or "get"; `data-options` are the options, as the server gives them.

const able =
  window.PublicKeyCredential?.parseCreationOptionsFromJSON &&
  window.PublicKeyCredential?.parseRequestOptionsFromJSON

async function ask(form) {
  const options = JSON.parse(form.dataset.options)
  const credential =
    form.dataset.passkey === 'create'
      ? await navigator.credentials.create({
          publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options),
        })
      : await navigator.credentials.get({
          publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options),
        })
  form.elements.credential.value = JSON.stringify(credential)
  form.submit()
}

function prepare(form) {
  const problem = form.querySelector('[data-problem]')
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    problem.textContent = ''
    ask(form).catch(() => {
      problem.textContent = problem.dataset.problem
    })
  })
  form.hidden = false
}

if (able) document.querySelectorAll('form[data-passkey]').forEach(prepare)
