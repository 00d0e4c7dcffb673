const place = document.getElementById('api')

window.SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  validatorUrl: null,
  deepLinking: false,
  tryItOutEnabled: true
})
