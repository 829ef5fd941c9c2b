module.exports = 'workerd';
